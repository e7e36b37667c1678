# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a reboot with ten adopted volumes mounted: how long it takes, and all are adopted and mounted again
# quick: no
# timeout: 900
# boots: 3
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

adopted() { dmsetup table --target mirror | grep -c ' mirror userspace '; }
mounted() { grep -c '^/dev/mapper/vg-lv' /proc/mounts; }
ten_adopted() { [ "$(adopted)" = 10 ]; }
ten_mounted() { [ "$(mounted)" = 10 ]; }

reboot_timed() {
	sync
	date +%s.%N >/var/began
	touch /run/job-goes-on
	systemctl reboot
	exit
}

# From the command to the begin of this boot's kernel, with what the firmware takes and the loading of a kernel.
took_down() {
	awk -v began="$(cat /var/began)" -v now="$(date +%s.%N)" '{ printf "%.1f", now - $1 - began }' /proc/uptime
}
# What ended when, in seconds of the boot before.
tell_shutdown() {
	journalctl -b -1 -o short-monotonic --no-pager --since="@$(cut -d. -f1 /var/began)" |
		grep -E 'System is rebooting|(Stopping|Stopped|Consumed).*(dirtylogd|lvm2-monitor|blk-availability|keep)|blkdeactivate|Shutting down|Journal stopped|goes on'
}

make_ten() {
	# What another job has kexec for is no part of it: it loads a kernel at each shutdown, for 4 s.
	systemctl mask -q --now kexec-load
	make_vg vg d0 d1 d2
	for i in 0 1 2 3 4 5 6 7 8 9; do
		make_mirror vg/lv$i 24M core
		mkfs.ext4 -q /dev/vg/lv$i
		mkdir -p /mnt/$i
		echo "/dev/vg/lv$i /mnt/$i ext4 defaults,nofail 0 2" >>/etc/fstab
	done
	systemctl daemon-reload
	mount -a
	for i in 0 1 2 3 4 5 6 7 8 9; do echo word >/mnt/$i/word; done
}

# Nearly all of it is processor time of LVM's blkdeactivate, emulated: how long that takes on a machine that is busy says
# nothing about dirtylogd.
judge() { # SECONDS ON_THE_KERNELS_LOG
	at_most "seconds, by what it takes on the kernel's log" "$1" "$(awk -v native="$2" 'BEGIN { printf "%.1f", 1.25 * native + 2 }')"
	if awk -v native="$2" 'BEGIN { exit !(native < 13) }'; then
		at_most "seconds" "$1" 15
	else
		figure "not judged by 15 s: without dirtylogd this machine takes $2 s now"
	fi
}

case $(cat /var/stage 2>/dev/null) in
"")
	make_ten
	equal "none is adopted" "$(adopted)" 0
	echo native >/var/stage
	reboot_timed
	;;
native)
	took_down >/var/native
	tell_shutdown
	figure "from reboot to the next kernel, on the kernel's log: $(cat /var/native) s"
	check "mounted again" until_true 60 ten_mounted
	check "adopt all" dirtylogctl adopt --all
	equal "adopted" "$(adopted)" 10
	echo adopted >/var/stage
	reboot_timed
	;;
adopted)
	down=$(took_down)
	tell_shutdown
	figure "from reboot to the next kernel, adopted: $down s"
	judge "$down" "$(cat /var/native)"
	check "mounted again" until_true 60 ten_mounted
	check "adopted again" until_true 120 ten_adopted
	figure "adopted at $(cut -d' ' -f1 /proc/uptime) s of the boot"
	check "what was written is there" test "$(cat /mnt/*/word | sort -u | wc -l) $(cat /mnt/*/word | wc -l)" = "1 10"
	;;
esac
