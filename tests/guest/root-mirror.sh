# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest with its root file system on a mirror of LVM's, booted by kexec. For the jobs that are about that.

kernel=$(uname -r)
root="vg-root"
# shellcheck disable=SC2034 # the jobs'
initramfs=/boot/initrd.img-$kernel

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
	local took up
	up=$(cut -d' ' -f1 /proc/uptime)
	took=$(awk -v a="$(cat /var/began)" -v b="$(kernel_began)" 'BEGIN { printf "%.1f", b - a }')
	figure "boot $BOOT: down in $took s, up in $(systemctl show -P UserspaceTimestampMonotonic | awk '{ print $1 / 1e6 }') s and $up s; $(out_of_sync) regions out of sync"
	# It was 1.7 of what a boot takes while something held it up, and is a third.
	at_most "seconds for the shutdown, by those of the boot" "$took" "$(awk -v up="$up" 'BEGIN { printf "%.1f", 0.9 * up }')"
	equal "the root is on the mirror" "$(findmnt -no SOURCE /)" /dev/mapper/$root
	check_not "it was clean" sh -c 'dmesg | grep -E "EXT4-fs.*(recovery|orphan)"'
	check "in sync" until_true 120 in_sync
	check "is adopted" until_true 60 is_on $root userspace
	check "is well" dirtylogctl status vg/root
	check_not "its legs could be flushed all the time" sh -c "journalctl -b -o cat | grep 'cannot be flushed'"
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

# Below /target, and mounted there.
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
	mkdir -p /target/{dev,proc,sys,run,tmp,job,var/log/journal}
	echo "/dev/mapper/$root / ext4 defaults,errors=remount-ro 0 1" >/target/etc/fstab
	df -h /target
	check "in sync" until_true 300 in_sync
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

relieved() {
	check "the service has relieved the initramfs's" \
		sh -c "journalctl -b -u dirtylogd -o cat | grep 'relieved the dirtylogd that served'"
	check "and taken over its log" sh -c "journalctl -b -u dirtylogd -o cat | grep 'took over 1 logs'"
	# shellcheck disable=SC2317 # by until_true
	three_processes() { [[ $(pgrep -c -x dirtylogd) == 3 ]]; }
	check "one supervisor, one server and one that stands by are left" until_true 10 three_processes
}
