# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a reboot with ten adopted volumes mounted: how long it takes, and all are adopted and mounted again
# quick: no
# timeout: 900
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

adopted() { dmsetup table --target mirror | grep -c ' mirror userspace '; }
mounted() { grep -c '^/dev/mapper/vg-lv' /proc/mounts; }
ten_adopted() { [ "$(adopted)" = 10 ]; }
ten_mounted() { [ "$(mounted)" = 10 ]; }

if [ -e /var/began ]; then
	down=$(awk -v began="$(cat /var/began)" -v now="$(date +%s.%N)" '{ printf "%.1f", now - $1 - began }' /proc/uptime)
	figure "from reboot to the next kernel: $down s"
	at_most "seconds" "$down" 60
	check "mounted again" until_true 60 ten_mounted
	check "adopted again" until_true 120 ten_adopted
	figure "adopted at $(cut -d' ' -f1 /proc/uptime) s of the boot"
	check "what was written is there" test "$(cat /mnt/*/word | sort -u | wc -l) $(cat /mnt/*/word | wc -l)" = "1 10"
	exit
fi

make_vg vg d0 d1 d2
for i in 0 1 2 3 4 5 6 7 8 9; do
	make_mirror vg/lv$i 24M core
	mkfs.ext4 -q /dev/vg/lv$i
	mkdir -p /mnt/$i
	echo "/dev/vg/lv$i /mnt/$i ext4 defaults,nofail 0 2" >>/etc/fstab
done
systemctl daemon-reload
mount -a
check "adopt all" dirtylogctl adopt --all
equal "adopted" "$(adopted)" 10
for i in 0 1 2 3 4 5 6 7 8 9; do echo word >/mnt/$i/word; done
sync
date +%s.%N >/var/began
touch /run/job-goes-on
systemctl reboot
