# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: twenty legs whose flush never ends: the mirrors of others are flushed and suspended all the same
# disks: a=512M b=1024M log=128M
# timeout: 600
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b)
HUNG=$((${HUNG:-20})) # more of them by tests/vm/run --set; the kernel has 8 workers for the fsyncs of a ring on two processors
WELL=4
SECTORS=4096
REGIONS=32

make_one() { # NUMBER LEG
	dmsetup create "log$1" --table "0 1024 linear $(dev log) $(($1 * 1024))"
	mk_mirror "m$1" dirtylogd $SECTORS "/dev/mapper/log$1" 128 "$A@$(($1 * SECTORS))" "$2" nosync
}
each() { # FIRST COUNT COMMAND...: with a number behind it
	each_first=$1 each_last=$(($1 + $2 - 1))
	shift 2
	for each_number in $(seq "$each_first" "$each_last"); do
		"$@" "$each_number"
	done
}

start_daemon --clear-delay 1 || exit 1
modprobe dm-delay
hung_leg() {
	leg_at="$B $(($1 * SECTORS))"
	dmsetup create "leg$1" --table "0 $SECTORS delay $leg_at 0 $leg_at 0 $leg_at 3600000"
	make_one "$1" "/dev/mapper/leg$1"
}
well_leg() { make_one "$1" "$B@$(($1 * SECTORS))"; }
each 0 $HUNG hung_leg
each $HUNG $WELL well_leg
sleep 2

write_one() { write_block "/dev/mapper/m$1" 10; }
each 0 $HUNG write_one
sleep 5 # all of them are being flushed
still_dirty() { check "m$1 is not flushed" [ "$(log_clean "/dev/mapper/log$1" $REGIONS)" -lt $REGIONS ]; }
each 0 $HUNG still_dirty

clears_go_on() {
	write_one "$1"
	check "clears of m$1 go on" until_true 10 log_is_clean "/dev/mapper/log$1" $REGIONS
}
each $HUNG $WELL clears_go_on

# What hangs in the kernel cannot be ended: each in the background.
suspend_one() { (dmsetup suspend --noflush --nolockfs "m$1" && touch "/tmp/suspended.$1") & }
resume_one() { (dmsetup resume "m$1" && rm "/tmp/suspended.$1") & }
suspended() { find /tmp -name 'suspended.*' | wc -l; }
all_suspended() { [ "$(suspended)" = "$1" ]; }
each $HUNG $WELL write_one
each $HUNG $WELL suspend_one
check "mirrors that are well are suspended" until_true 5 all_suspended $WELL
each 0 $HUNG suspend_one
check "so are those whose leg hangs" until_true $((8 + HUNG / 4)) all_suspended $((HUNG + WELL))

repair_one() {
	dmsetup load "m$1" --table "$(mirror_table dirtylogd $SECTORS "/dev/mapper/log$1" 128 \
		"$A@$(($1 * SECTORS))" "$B@$(((HUNG + WELL + $1) * SECTORS))" "dl-m$1")"
	resume_one "$1"
}
each 0 $HUNG repair_one
each $HUNG $WELL resume_one
check "tables without the hung legs take their place" until_true $((15 + HUNG / 4)) all_suspended 0
one_in_sync() { check "m$1 in sync again" until_true 30 in_sync "m$1"; }
each 0 $((HUNG + WELL)) one_in_sync

remove_one() { rm_mirror "m$1"; }
each 0 $((HUNG + WELL)) remove_one
on_kernel_log || check "no log is left" until_true 5 no_logs
kernel_quiet
check "daemon alive" daemon_lives
revive_one() { dmsetup suspend --noflush --nolockfs "leg$1"; } # it lets go of what it delays
each 0 $HUNG revive_one
stop_daemon
