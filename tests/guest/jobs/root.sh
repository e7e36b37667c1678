# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the root file system on a mirror: adopted, server killed, upgraded, rebooted; then with dirtylogd in the initramfs
# quick: no
# timeout: 1500
# boots: 4
# disks: 5
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh
# shellcheck source=tests/guest/root-mirror.sh
. /job/root-mirror.sh

plain=/boot/plain # an initramfs without dirtylogd

has_dirtylogd() { # LIST INITRAMFS
	"$@" >/tmp/list
	grep -E 'dirtylog|dm-log|dm-mirror' /tmp/list
	grep -q 'sbin/dirtylogd$' /tmp/list && grep -q dm-log-userspace /tmp/list
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

case $(findmnt -no SOURCE /) in
/dev/vda)
	make_root
	cp "$initramfs" "/target$plain"
	umount /target
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
