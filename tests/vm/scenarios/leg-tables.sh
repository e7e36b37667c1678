# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: legs are found in tables of unusual names, and of many segments with one uuid; LVM's lock is minded
# disks: a=64M b=64M log=64M
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
SECTORS=8192
REGIONS=64
SEGMENTS=6 # of two legs each: more than one mirror can have
start_daemon --supervise no --clear-delay 1 || exit 1

dmsetup create log0 --table "0 2048 linear $(dev log) 0"
mirror_table dirtylogd $SECTORS /dev/mapper/log0 128 "$A" "$B" dl-name nosync >/tmp/table
dmsetup --manglename none create 'a name' /tmp/table || fail "a name with a space is taken"
NAMED=$(dmsetup --manglename none info -c --noheadings -o blkdevname 'a name')

# As LVM's pvmove makes them: a mirror for each segment, one uuid for all of their logs.
segment=1
while [ $segment -le $SEGMENTS ]; do
	dmsetup create log$segment --table "0 2048 linear $(dev log) $((segment * 2048))"
	dmsetup create a$segment --table "0 $SECTORS linear $A $((segment * SECTORS))"
	dmsetup create b$segment --table "0 $SECTORS linear $B $((segment * SECTORS))"
	mirror_table dirtylogd $SECTORS /dev/mapper/log$segment 128 /dev/mapper/a$segment \
		/dev/mapper/b$segment dl-move nosync |
		sed "s/^0 /$(((segment - 1) * SECTORS)) /" >>/tmp/segments
	segment=$((segment + 1))
done
dmsetup create vg--x-pvmove0 --uuid LVM-move /tmp/segments || fail "a device of $SEGMENTS mirrors is made"
sleep 2

write_block "/dev/$NAMED" 100
check "clears of a mirror with an unusual name" until_true 10 log_is_clean /dev/mapper/log0 $REGIONS
all_clean() {
	for number in $(seq $SEGMENTS); do
		log_is_clean "/dev/mapper/log$number" $REGIONS || return 1
	done
}
for number in $(seq $SEGMENTS); do
	write_block /dev/mapper/vg--x-pvmove0 $(((number - 1) * SECTORS / 8 + 50))
done
check "clears of all segments" until_true 10 all_clean

# A restart with dirty regions, while an LVM command has the volume group's lock.
if ! on_kernel_log; then
	resumes() { dirtylogctl stats | awk '$1 == "resume" { print $2 }'; }
	all_known() { [ "$(resumes)" -ge $SEGMENTS ]; }
	cycled() { [ "$(resumes)" -gt $SEGMENTS ]; }
	restart_dirty() {
		for number in $(seq $SEGMENTS); do
			write_block /dev/mapper/vg--x-pvmove0 $(((number - 1) * SECTORS / 8 + 60))
		done
		kill_daemon
		start_daemon --supervise no --clear-delay 1
		for number in $(seq $SEGMENTS); do
			read_block /dev/mapper/vg--x-pvmove0 $(((number - 1) * SECTORS / 8)) &
		done
		check "the logs are made again" until_true 20 all_known
	}
	mkdir -p /run/lock/lvm
	flock --no-fork /run/lock/lvm/V_vg-x sleep 100 &
	lvm=$!
	restart_dirty
	left_alone() { grep -q 'left alone: its lock, or its volume group' $DAEMON_LOG; }
	check "a device that LVM works at is left alone" until_true 20 left_alone
	check_not "and was not resumed" cycled
	kill $lvm
	restart_dirty
	check "without the lock it is suspended and resumed" until_true 15 cycled
	in_sync_all() { ! dmsetup status vg--x-pvmove0 | awk '{ print $(4 + $4 + 1) }' | grep -qv "^$REGIONS/$REGIONS$"; }
	check "all segments in sync" until_true 30 in_sync_all
fi
rm_mirror vg--x-pvmove0
dmsetup --manglename none remove 'a name' || fail "the mirror with the unusual name is removed"
check "daemon alive" daemon_lives
