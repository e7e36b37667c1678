# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the root file system on a mirror: adopted, server killed, upgraded, rebooted; initramfs of Debian and of dracut
# quick: no
# timeout: 1500
# disks: 5
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

kernel=$(uname -r)
root="vg-root"
initramfs=/boot/initrd.img-$kernel
plain=/boot/plain # without dirtylogd

# The end of a boot: the next one has its root on the mirror, by this initramfs. The kernel that runs starts it.
boot_again() { # INITRAMFS [WORD]...
	local initramfs=$1
	shift
	kexec -l "/boot/vmlinuz-$kernel" --initrd="$initramfs" \
		--append="root=/dev/mapper/$root ro console=ttyS0 mitigations=off panic=-1 $*"
	touch /run/job-goes-on
	date +%s.%N >/var/began
	systemctl kexec
	exit
}

kernel_began() {
	awk -v now="$(date +%s.%N)" '{ printf "%.2f", now - $1 }' /proc/uptime
}

in_sync() { dmsetup status $root | awk '{ split($7, n, "/"); exit n[1] != n[2] }'; }
out_of_sync() { dmsetup status $root | awk '{ split($7, n, "/"); print n[2] - n[1] }'; }

# What each boot from the mirror begins with.
look_at_boot() {
	local took
	took=$(awk -v a="$(cat /var/began)" -v b="$(kernel_began)" 'BEGIN { printf "%.1f", b - a }')
	figure "boot $BOOT: down in $took s, up in $(systemctl show -P UserspaceTimestampMonotonic | awk '{ print $1 / 1e6 }') s and $(cut -d' ' -f1 /proc/uptime) s; $(out_of_sync) regions out of sync"
	at_most "seconds for the shutdown" "$took" 60
	equal "the root is on the mirror" "$(findmnt -no SOURCE /)" /dev/mapper/$root
	check_not "it was clean" sh -c 'dmesg | grep -E "EXT4-fs.*(recovery|orphan)"'
	check "in sync" until_true 120 in_sync
	check "is adopted" until_true 60 is_on $root userspace
}

start_load() {
	mkdir -p /var/load
	fio --name=load --directory=/var/load --size=32m --rw=randwrite --bs=4k --fsync=1 --thinktime=5ms --time_based \
		--runtime=600 --output-format=json --output=/run/load.json >/run/load.out 2>&1 &
	FIO=$!
	sleep 2
}
end_load() {
	kill -INT "$FIO"
	wait "$FIO"
	sed -n '/^{/,$p' /run/load.json | jq '.jobs[0] | [.write.clat_ns.max, .sync.lat_ns.max] | max / 1e6 | floor'
}

# Files that are not in memory are read from the mirror.
reads_from_disk() {
	echo 3 >/proc/sys/vm/drop_caches
	timeout 20 sha256sum /usr/bin/* >/dev/null
}

make_root() {
	make_vg vg d0 d1 d2 d3 d4
	lvcreate -q -y --type mirror -m 1 --mirrorlog disk -R 512k -L 900M -n root vg \
		"$(disk d0)" "$(disk d1)" "$(disk d2)" "$(disk d3)" "$(disk d4)" || exit
	mkfs.ext4 -q /dev/vg/root
	mkdir /target
	mount /dev/vg/root /target
	tar -C / --one-file-system -c . --exclude=./usr/share/{doc,man,locale} --exclude=./target --exclude=./job \
		--exclude="./usr/lib/modules/*/kernel/"{sound,net,drivers/{gpu,net,media,infiniband,staging}} |
		tar -C /target -x
	cp "$initramfs" "/target$plain"
	mkdir -p /target/{dev,proc,sys,run,tmp,job}
	echo "/dev/mapper/$root / ext4 defaults,errors=remount-ro 0 1" >/target/etc/fstab
	df -h /target
	umount /target
	check "in sync" until_true 300 in_sync
}

# All that must not stop a root that dirtylogd serves.
bad_day() {
	local before
	check "reads" reads_from_disk
	before=$(server_pid)
	kill -9 "$before"
	check "another server" until_true 20 sh -c "dirtylogctl stats | grep server_pid | grep -qv ' $before\$'"
	check "reads" reads_from_disk
	check "reload" timeout 60 systemctl reload dirtylogd
	check "reads" reads_from_disk
	check "upgrade" timeout 120 dpkg -i /job/dirtylogd.deb
	check "reload to the new program" timeout 60 systemctl reload dirtylogd
	check_not "whose file is there" sh -c "readlink /proc/$(service_pid)/exe | grep deleted"
	check "reads" reads_from_disk
	check "restart" timeout 60 systemctl restart dirtylogd
	check "adopted again" until_true 60 is_on $root userspace
	check "reads" reads_from_disk
	check "stop" timeout 60 systemctl stop dirtylogd
	check "the root goes on with the kernel's log" is_on $root disk
	check "reads" reads_from_disk
	check "start" timeout 60 systemctl start dirtylogd
	check "adopted again" until_true 60 is_on $root userspace
	kill -9 "$(service_pid)" "$(server_pid)"
	check "all of it killed: served again" until_true 60 dirtylogctl stats
	check "reads" reads_from_disk
}

case $(findmnt -no SOURCE /) in
/dev/vda)
	make_root
	boot_again "$initramfs"
	;;
esac

case $(cat /var/stage 2>/dev/null) in
"")
	check "in sync" until_true 120 in_sync
	start_load
	check "adopt the root" timeout 60 dirtylogctl adopt vg/root
	check "is adopted" is_on $root userspace
	bad_day
	figure "slowest write while the server was killed, reloaded, upgraded, restarted: $(end_load) ms"
	check "check finds nothing" dirtylogctl check
	echo kept >/var/stage
	# The program that is mapped is deleted then.
	check "upgrade without a reload" timeout 120 dpkg -i /job/dirtylogd.deb
	start_load
	boot_again "$plain"
	;;
kept)
	look_at_boot
	check "by the keeper" sh -c "journalctl -b -u dirtylogd-keep -o cat | grep 'vg/root: adopted again'"
	check "the package has put dirtylogd into the initramfs" sh -c "lsinitramfs $initramfs | grep sbin/dirtylogd\$"
	lsinitramfs "$initramfs" | grep -E 'dirtylog|dm-log|dm-mirror'
	echo initramfs >/var/stage
	start_load
	boot_again "$initramfs"
	;;
initramfs)
	look_at_boot
	dmesg | grep -i dirtylog
	check "adopted in the initramfs" sh -c "dmesg | grep 'log LVM-.* made'"
	check "the service has relieved the initramfs's" sh -c "journalctl -b -u dirtylogd -o cat | grep 'relieved the dirtylogd that served'"
	check "and taken over its log" sh -c "journalctl -b -u dirtylogd -o cat | grep 'took over 1 logs'"
	equal "one supervisor and one server are left" "$(pgrep -c -x dirtylogd)" 2
	start_load
	bad_day
	figure "slowest write then: $(end_load) ms"
	check "dracut" dracut --force --quiet --add-drivers "virtio_scsi sd_mod virtio_blk" /boot/dracut.img "$kernel"
	lsinitrd /boot/dracut.img | grep -E 'dirtylog|dm-log|dm-mirror'
	check "dirtylogd is in it" sh -c "lsinitrd /boot/dracut.img | grep -q sbin/dirtylogd\$"
	echo dracut >/var/stage
	start_load
	boot_again /boot/dracut.img rd.lvm.lv=vg/root
	;;
dracut)
	look_at_boot
	dmesg | grep -i dirtylog
	check "the service has relieved the initramfs's" sh -c "journalctl -b -u dirtylogd -o cat | grep 'relieved the dirtylogd that served'"
	check "and taken over its log" sh -c "journalctl -b -u dirtylogd -o cat | grep 'took over 1 logs'"
	equal "one supervisor and one server are left" "$(pgrep -c -x dirtylogd)" 2
	start_load
	bad_day
	figure "slowest write then: $(end_load) ms"
	;;
esac
