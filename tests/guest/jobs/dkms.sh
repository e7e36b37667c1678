# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the kernel module by Debian's dkms, in front of adopted mirrors: kills, a reboot, removal while it is in use
# quick: no
# timeout: 1500
# boots: 2
# debian: dkms linux-headers bpftrace
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

version=$(dpkg-deb -f /job/dirtylogd-dkms.deb Version)
dkms_says() { dkms status -m dirtylogd -v "$version" | grep -q ": $1"; }
cached() { dmsetup table vg-a | grep -Eq ' mirror cached [0-9]+ userspace '; }
not_cached() { dmsetup table vg-a | grep -Eq ' mirror userspace '; }
front_shown() { dirtylogctl status vg/a | grep -q 'cached>'; }
asked() { dirtylogctl stats | awk '$1 == "in_sync" { print $2 }'; }
in_sync() { dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 '; }
legs_equal() { cmp /dev/mapper/vg-a_mimage_0 /dev/mapper/vg-a_mimage_1; }

install_both() {
	local start
	check "dirtylogd is installed" dpkg -i /job/dirtylogd.deb
	check "serves" until_true 20 dirtylogctl stats
	start=$(now)
	check "dirtylogd-dkms is installed" dpkg -i /job/dirtylogd-dkms.deb
	figure "module built and installed in $(elapsed_since "$start") s"
	check "dkms says so" dkms_says installed
}

other_server() {
	local now
	now=$(server_pid)
	[[ $now && $now != "$1" ]]
}

# What is read and written is known to be in sync: nobody is asked.
asks_nobody() {
	local before
	check "in sync" until_true 60 in_sync
	before=$(asked)
	fio --name=io --filename=/dev/vg/a --direct=1 --rw=randread --bs=4k --number_ios=200 --output=/run/fio.out >/dev/null
	at_most "requests for 200 reads" $(($(asked) - before)) 5
}

killed_under_writes() {
	local before
	start_writes /dev/vg/a
	for _ in 1 2 3; do
		before=$(server_pid)
		kill -9 "$before"
		check "another server" until_true 30 other_server "$before"
		sleep 2
	done
	before=$(service_pid)
	systemctl kill -s KILL dirtylogd
	check "another supervisor" until_true 30 dirtylogctl stats
	at_most "milliseconds of the slowest write" "$(slowest_write)" 20000
	check "in sync" until_true 60 in_sync
	check "still with the module" cached
	dmsetup suspend vg-a
	check "the legs are equal" legs_equal
	dmsetup resume vg-a
}

removed_in_use() {
	start_writes /dev/vg/a
	check_not "the module cannot be unloaded" rmmod dm_log_cached
	check "its package can be removed" timeout 300 dpkg -r dirtylogd-dkms
	check_not "and it is gone from dkms" dkms_says installed
	check "the mirror has what it had" cached
	check "and is written" timeout 20 dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct
	check "plain" dirtylogctl adopt --plain vg/a
	check "is plain" not_cached
	check "now it can be unloaded" rmmod dm_log_cached
	check "adopt" dirtylogctl adopt vg/a
	check "there is no module to put in front" not_cached
	at_most "milliseconds of the slowest write" "$(slowest_write)" 10000
}

case $(cat /var/stage 2>/dev/null) in
"")
	install_both
	make_vg vg d0 d1 d2
	make_mirror vg/a 96M disk
	check "adopt" dirtylogctl adopt vg/a
	check "with the module in front" cached
	check "status shows it" front_shown
	check "check finds nothing" host_is_well
	asks_nobody
	start_writes /dev/vg/a
	check "plain" dirtylogctl adopt --plain vg/a
	check "without it" not_cached
	check_not "status shows none" front_shown
	check "and back" dirtylogctl adopt vg/a
	check "with it" cached
	figure "slowest write over plain and back: $(slowest_write) ms"
	killed_under_writes
	echo again >/var/stage
	touch /run/job-goes-on
	sync
	systemctl reboot
	;;
again)
	check "adopted again with the module" until_true 120 cached
	check "status shows it" front_shown
	asks_nobody
	removed_in_use
	check "installed again" dpkg -i /job/dirtylogd-dkms.deb
	check "adopt" dirtylogctl adopt vg/a
	check "with the module in front" cached
	check "dirtylogd can be removed" timeout 120 dpkg -r dirtylogd
	equal "a is on the kernel's log" "$(log_type vg-a)" disk
	check "a is written" timeout 20 dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct
	;;
esac
