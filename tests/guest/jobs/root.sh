# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the root file system on a mirror: adopted, server killed, upgraded, rebooted; then with dirtylogd in the initramfs
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
boot_again() { # INITRAMFS
	kexec -l "/boot/vmlinuz-$kernel" --initrd="$1" \
		--append="root=/dev/mapper/$root ro console=ttyS0 mitigations=off panic=-1"
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
	check "is well" dirtylogctl status vg/root
	check_not "its legs could be flushed all the time" sh -c "journalctl -b -o cat | grep 'cannot be flushed'"
}

has_dirtylogd() { # LIST INITRAMFS
	"$@" >/tmp/list
	grep -E 'dirtylog|dm-log|dm-mirror' /tmp/list
	grep -q 'sbin/dirtylogd$' /tmp/list && grep -q dm-log-userspace /tmp/list
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
	figure "slowest write or fsync meanwhile: $(sed -n '/^{/,$p' /run/load.json |
		jq '.jobs[0] | [.write.clat_ns.max, .sync.lat_ns.max] | max / 1e6 | floor') ms"
}

# Files that are not in memory are read from the mirror, page by page.
reads() {
	echo 3 >/proc/sys/vm/drop_caches
	check "the root is read" timeout 60 sh -c 'cat /usr/bin/d* >/dev/null'
}

make_root() {
	make_vg vg d0 d1 d2 d3 d4
	lvcreate -q -y --type mirror -m 1 --mirrorlog disk -R 512k -L 800M -n root vg \
		"$(disk d0)" "$(disk d1)" "$(disk d2)" "$(disk d3)" "$(disk d4)" || exit
	mkfs.ext4 -q /dev/vg/root
	mkdir /target
	mount /dev/vg/root /target
	# What no boot of this guest needs is not copied.
	tar -C / --one-file-system --exclude=./usr/share/{doc,man,locale} --exclude=./target --exclude=./job \
		--exclude=./var/log/journal \
		--exclude="./usr/lib/modules/*/kernel/"{sound,net,drivers/{gpu,net,media,infiniband,staging,iio,usb,hwmon}} \
		-c . | tar -C /target -x
	cp "$initramfs" "/target$plain"
	mkdir -p /target/{dev,proc,sys,run,tmp,job,var/log/journal}
	echo "/dev/mapper/$root / ext4 defaults,errors=remount-ro 0 1" >/target/etc/fstab
	df -h /target
	umount /target
	check "in sync" until_true 300 in_sync
}

# Had it died, nobody could start another.
refused_without_supervisor() {
	local alone
	systemctl stop dirtylogd
	dirtylogd --foreground --supervise no 2>/dev/null &
	alone=$!
	until_true 20 dirtylogctl stats >/dev/null
	check_not "the root is not adopted by one without a supervisor" sh -c "dirtylogctl adopt --once vg/root 2>/tmp/why"
	check "and told why" grep -q "has no supervisor" /tmp/why
	kill "$alone"
	wait "$alone"
	systemctl start dirtylogd
}

killed_and_reloaded() {
	local before
	reads
	before=$(server_pid)
	kill -9 "$before"
	check "another server" until_true 20 sh -c "dirtylogctl stats | grep server_pid | grep -qv ' $before\$'"
	reads
	check "reload" timeout 60 systemctl reload dirtylogd
	reads
}

stopped_and_started() {
	check "restart" timeout 60 systemctl restart dirtylogd
	check "adopted again" until_true 60 is_on $root userspace
	reads
	check "stop" timeout 60 systemctl stop dirtylogd
	check "the root goes on with the kernel's log" is_on $root disk
	reads
	check "start" timeout 60 systemctl start dirtylogd
	check "adopted again" until_true 60 is_on $root userspace
	reads
}

upgraded() {
	check "upgrade" timeout 600 dpkg -i /job/dirtylogd.deb
	check "the program that runs is deleted" sh -c "readlink /proc/$(service_pid)/exe | grep deleted"
}

relieved() {
	check "the service has relieved the initramfs's" \
		sh -c "journalctl -b -u dirtylogd -o cat | grep 'relieved the dirtylogd that served'"
	check "and taken over its log" sh -c "journalctl -b -u dirtylogd -o cat | grep 'took over 1 logs'"
	three_processes() { [[ $(pgrep -c -x dirtylogd) == 3 ]]; }
	check "one supervisor, one server and one that stands by are left" until_true 10 three_processes
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
	refused_without_supervisor
	start_load
	check "adopt the root" timeout 60 dirtylogctl adopt vg/root
	check "is adopted" is_on $root userspace
	killed_and_reloaded
	end_load
	check "check finds nothing" host_is_well
	upgraded
	check "the package has put dirtylogd into the initramfs" has_dirtylogd lsinitramfs "$initramfs"
	echo kept >/var/stage
	start_load
	boot_again "$plain"
	;;
kept)
	look_at_boot
	check "by the keeper" sh -c "journalctl -b -u dirtylogd-keep -o cat | grep 'vg/root: adopted again'"
	echo initramfs >/var/stage
	start_load
	boot_again "$initramfs"
	;;
initramfs)
	look_at_boot
	check "its log was made in the initramfs" sh -c "dmesg | grep 'dirtylogd: .*log LVM-.* made'"
	relieved
	start_load
	killed_and_reloaded
	stopped_and_started
	end_load
	;;
esac
