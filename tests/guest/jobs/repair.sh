# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: dmeventd repairs an adopted mirror that loses a leg, and then its log; it is adopted again
# quick: no
# timeout: 900
# disks: 6
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

sed -i -e 's/.*mirror_image_fault_policy *=.*/\tmirror_image_fault_policy = "allocate"/' \
	-e 's/.*mirror_log_fault_policy *=.*/\tmirror_log_fault_policy = "allocate"/' /etc/lvm/lvm.conf
lose() { echo offline >"/sys/block/$(basename "$(disk "$1")")/device/state"; }
well() { # the mirror is whole, in sync, adopted
	is_on vg-a userspace && dmsetup status vg-a | grep -Eq ' ([0-9]+)/\1 1 AA .* A$'
}
# Learnt before: udev forgets what is lost.
number() { lsblk -dno MAJ:MIN "$(disk "$1")" | tr -d ' '; }
d1=$(number d1) d2=$(number d2)
uses() { dmsetup table | grep '^vg-a_m' | grep -q " $1 "; } # MAJOR:MINOR
# Until a write fails it is well with what it has lost.
well_without() { ! uses "$1" && well; }
legs_equal() {
	local -a legs=(/dev/mapper/vg-a_mimage_*)
	((${#legs[@]} == 2)) && blockdev --flushbufs "${legs[@]}" && cmp "${legs[@]}"
}

make_vg vg d0 d1 d2 d3 d4 d5
lvcreate -q -y --type mirror -m 1 --mirrorlog disk -R 512k -L 64M -n a vg "$(disk d0)" "$(disk d1)" "$(disk d2)" >/dev/null
check "adopt" dirtylogctl adopt vg/a
check "in sync" until_true 60 sh -c "dmsetup status vg-a | grep -Eq ' 128/128 '"
lvchange --monitor y vg/a
equal "monitored" "$(lvs --noheadings -o seg_monitor vg/a | tr -d ' ')" monitored

check "uses the leg that it is to lose" uses "$d1"
check "and the log" uses "$d2"
start_writes /dev/vg/a 900
lose d1
check "well again behind the loss of a leg" until_true 180 well_without "$d1"
dmsetup status vg-a
lose d2 # and the new leg, if LVM has put it beside the log
check "well again behind the loss of the log" until_true 180 well_without "$d2"
dmsetup status vg-a
lvs -a -o name,attr,devices vg
figure "slowest write over both losses: $(slowest_write) ms"
check "the legs are equal" legs_equal
journalctl -u dirtylogd-keep -u dm-event -o cat --no-pager | tail -n 40
