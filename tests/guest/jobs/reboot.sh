# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a reboot after an upgrade, with mirrors of dirtylogd mounted and written until the end, takes seconds
# quick: no
# timeout: 700
# boots: 3
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

down_at() { # when the kernel of this boot began
	awk -v now="$(date +%s.%N)" '{ printf "%.2f", now - $1 }' /proc/uptime
}
took_down() { awk -v a="$(cat /var/began)" -v b="$(down_at)" 'BEGIN { printf "%.1f", b - a }'; }

reboot_written() {
	# Nothing stops it in order.
	systemd-run -q --unit=writer -p DefaultDependencies=no sh -c 'while :; do dd if=/dev/urandom of=/mnt/a/new bs=64k count=16 conv=fsync 2>/dev/null; done'
	sleep 2
	[ "$1" != upgraded ] || check "upgraded" dpkg -i /job/dirtylogd.deb # the program that is mapped is deleted then
	date +%s.%N >/var/began
	touch /run/job-goes-on
	sync
	systemctl reboot
	exit
}

mounted_again() {
	check_not "the root had become read-only" sh -c "dmesg | grep 'EXT4-fs (vda): .*recovery'"
	check "mounted again" until_true 60 mountpoint -q /mnt/a
	equal "what was written is there" "$(cat /mnt/a/word)" written
}

case $(cat /var/stage 2>/dev/null) in
"")
	make_vg vg d0 d1 d2
	make_mirror vg/a 96M core
	make_mirror vg/b 96M disk
	mkfs.ext4 -q /dev/vg/a
	mkdir -p /mnt/a
	echo '/dev/vg/a /mnt/a ext4 defaults,nofail 0 2' >>/etc/fstab
	systemctl daemon-reload
	mount /mnt/a
	echo written >/mnt/a/word
	echo native >/var/stage
	reboot_written
	;;
native)
	took_down >/var/native
	figure "shutdown on the kernel's logs: $(cat /var/native) s"
	mounted_again
	by_hand vg-a
	by_hand vg-b
	equal "a is on dirtylogd" "$(log_type vg-a)" userspace
	equal "b is on dirtylogd" "$(log_type vg-b)" userspace
	echo ours >/var/stage
	reboot_written upgraded
	;;
ours)
	took=$(took_down)
	figure "shutdown: $took s"
	# Where it went wrong it was minutes more. How long the rest takes is for the machine to say.
	at_most "seconds of a shutdown, by what the kernel's logs took" "$took" \
		"$(awk -v native="$(cat /var/native)" 'BEGIN { printf "%.1f", 1.25 * native + 15 }')"
	mounted_again
	;;
esac
