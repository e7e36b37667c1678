# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# A cell of docs/reliability.md: one device of a mirror has one fault while the mirror is in one state. What a
# read and a write see, what the status says, what is on the disk, how the mirror is repaired, and what another
# mirror feels. Behind lib.sh.
#
# The mirror of a cell has 8 MiB in 128 regions. A block is 4 KiB, and 16 of them are a region.
# shellcheck source=tests/vm/fault-devices.sh
. /scenarios/fault-devices.sh

STATES_ALL="in-sync resyncing suspended taking-over draining"
SECTORS=16384
REGIONS=128
OBSERVED=4 # seconds of a fault
THROTTLE=/sys/module/dm_mirror/parameters/raid1_resync_throttle

seconds_since() { awk -v s="$1" '{ printf "%.1f", $1 - s }' /proc/uptime; }
now() { cut -d' ' -f1 /proc/uptime; }

write_random() { # DEVICE BLOCK: what was written lies in /tmp/block.BLOCK
	dd if=/dev/urandom of="/tmp/block.$2" bs=4096 count=1 2>/dev/null
	dd if="/tmp/block.$2" of="$1" bs=4096 count=1 seek="$2" oflag=direct conv=notrunc 2>/dev/null
}
holds() { # DEVICE BLOCK
	dd if="$1" bs=4096 count=1 skip="$2" iflag=direct 2>/dev/null | cmp -s - "/tmp/block.$2"
}

# begin_probe NAME COMMAND..., and later probe_said NAME: ok, error or waits.
begin_probe() {
	probe_name=$1
	shift
	rm -f "/tmp/probe.$probe_name"
	{
		if "$@"; then echo ok; else echo error; fi >"/tmp/probe.$probe_name.new"
		mv "/tmp/probe.$probe_name.new" "/tmp/probe.$probe_name"
	} &
}
probe_ended() { [ -f "/tmp/probe.$1" ]; }
probe_said() { cat "/tmp/probe.$1" 2>/dev/null || echo waits; }

# --- the other mirror

begin_other() {
	mk_mirror other dirtylogd 131072 "$(dev olog)" 128 "$(dev oa)" "$(dev ob)" nosync
}
other_p99() { awk -F';' 'NF > 100 { print substr($71, index($71, "=") + 1); exit }' /tmp/fio.other; }
load_other() {
	fio_run other --filename=/dev/mapper/other --rw=randwrite --runtime=$OBSERVED --time_based
}

# --- the mirror of a cell

cell_mirror_table() { # SYNC
	mirror_table dirtylogd $SECTORS "$LOG" 128 "$LEG0" "$LEG1" dl-m "$1"
}

# The devices as they are below the fault; a device that vanishes has none.
below() { # DEVICE-NAME DEFAULT
	if [ "$TARGET" = "$1" ] && [ "$FAULT" = vanished ]; then
		echo ''
	else
		echo "$2"
	fi
}

make_cell() {
	for cell_device in a b; do wipe "$(dev $cell_device)" 8; done
	wipe "$(dev log)"
	wipe "$(dev spare)"
	LEG0=$(dev a) LEG1=$(dev b) LOG=$(dev log)
	case $TARGET in
	log) BASE=$LOG ;;
	leg0) BASE=$LEG0 ;;
	leg1) BASE=$LEG1 ;;
	esac
	fault_prepare faulty "$FAULT" "$BASE" $SECTORS
	case $TARGET in
	log) LOG=$FAULT_DEVICE ;;
	leg0) LEG0=$FAULT_DEVICE ;;
	leg1) LEG1=$FAULT_DEVICE ;;
	esac
	cell_sync=nosync
	[ "$STATE" = resyncing ] && cell_sync=sync
	dmsetup create m --table "$(cell_mirror_table $cell_sync)"
}

some_recovered() { [ "$(sync_done m)" -ge 1 ]; }

# Blocks 48 and 80 are written and acknowledged before anything happens.
enter_state() {
	case $STATE in
	resyncing)
		until_true 10 some_recovered
		write_random /dev/mapper/m 48
		write_random /dev/mapper/m 80
		;;
	suspended)
		sleep 0.5
		write_random /dev/mapper/m 48
		write_random /dev/mapper/m 80
		dmsetup suspend m
		;;
	*)
		sleep 0.5
		write_random /dev/mapper/m 48
		write_random /dev/mapper/m 80
		;;
	esac
}

# What the state has to do while the fault is there.
act_in_state() {
	case $STATE in
	suspended) begin_probe act dmsetup resume m ;;
	taking-over) begin_probe act kill -KILL "$(server_pid)" ;;
	draining) begin_probe act dmsetup suspend --noflush --nolockfs m ;;
	*) begin_probe act true ;;
	esac
}

probe_mirror() {
	[ "$STATE" = draining ] && return
	begin_probe write write_random /dev/mapper/m 144
	sleep 1
	begin_probe read read_block /dev/mapper/m 112
}

# dmsetup may wait, as long as the mirror is being suspended.
mirror_health() {
	rm -f /tmp/health
	begin_probe health sh -c 'dmsetup status m >/tmp/health'
	until_true 3 probe_ended health || { echo "no answer" && return; }
	awk '{ print $(4 + $4 + 3), $NF }' /tmp/health
}

# Regions whose legs differ must be dirty in the log, or nobody would mend them.
log_knows_what_differs() {
	cell_log=$(below log "$(dev log)")
	cell_leg0=$(below leg0 "$(dev a)")
	cell_leg1=$(below leg1 "$(dev b)")
	disk_says=-
	[ -n "$cell_log" ] && [ -n "$cell_leg0" ] && [ -n "$cell_leg1" ] || return 0
	differing "$cell_leg0" "$cell_leg1" 8 64 >/tmp/differing
	log_dirty "$cell_log" $REGIONS >/tmp/dirty
	disk_says="$(wc -l </tmp/differing) of $(wc -l </tmp/dirty)"
	! grep -vxFf /tmp/dirty /tmp/differing
}

# What the kernel was told, and what came of it, as tests/vm/reliability-expected has it.
expected_outcome() {
	awk -v target="$TARGET" -v fault="$FAULT" -v state="$STATE" \
		'$1 == target && $2 == fault && $3 == state { print $4, $5, $6, $7, $8 }' /scenarios/reliability-expected
}
outcome_is_expected() {
	outcome="$act_said $write_before $read_before $health"
	echo "$outcome" | grep -qxE "$(expected_outcome)" && return
	note "$outcome instead of $(expected_outcome)"
	return 1
}

# --- repair

# As an administrator would: a log device or a leg that is bad for good is replaced, one that is well again is
# used on, and what it has missed is resynced.
take_devices_of_repair() {
	case $TARGET-$FAULT in
	log-eio | log-write-errors | log-enospc | log-hung | log-shrunk | log-vanished)
		LOG=$(dev spare)
		;;
	leg0-vanished) LEG0=$(dev b) LEG1=$(dev spare) ;; # a mirror is resynced from its first leg
	leg1-vanished) LEG1=$(dev spare) ;;
	esac
	[ "$FAULT" = vanished ] && repair_sync=sync || repair_sync=
}

heal_before_resume() {
	case $TARGET-$FAULT in
	log-hung | leg*-hung) ;;
	leg*-vanished) wipe "$(dev spare)" 8 ;;
	*) fault_heal faulty "$FAULT" "$BASE" $SECTORS ;;
	esac
}

# A mirror cannot be suspended while one of its own writes to a leg is on its way, whatever log it has.
writes_hang() { [ "$FAULT" = hung ] && [ "$TARGET" != log ] && [ "$STATE" != draining ]; }

repair() {
	! writes_hang || fault_heal faulty "$FAULT" "$BASE" $SECTORS
	repair_start=$(now)
	[ "$STATE" = draining ] || begin_probe act dmsetup suspend --noflush --nolockfs m
	until_true 30 probe_ended act || return 1
	heal_before_resume
	take_devices_of_repair
	dmsetup load m --table "$(cell_mirror_table "$repair_sync")" || return 1
	begin_probe act dmsetup resume m
	until_true 30 probe_ended act || return 1
	[ "$(probe_said act)" = ok ] || return 1
	repair_took=$(seconds_since "$repair_start")
}

cell_is_whole() { # COMMAND... as a part of the cell's name
	if "$@"; then
		:
	else
		fail "$TARGET $FAULT $STATE: $*"
		cell_failed=1
	fi
}

no_acknowledged_write_is_lost() {
	for cell_block in 48 80 144; do
		if [ "$cell_block" = 144 ] && [ "$(probe_said write)" != ok ]; then continue; fi
		holds /dev/mapper/m $cell_block || return 1
	done
}
legs_are_identical() { legs_identical "$LEG0" "$LEG1" 8; }
it_is_in_sync() { until_true 60 in_sync m; }
held_write_ends_well() {
	[ "$STATE" = draining ] || { until_true 20 probe_ended write && [ "$(probe_said write)" = ok ]; }
}

over() { awk "BEGIN { printf \"%.1f\\n\", $1 / $2 }"; }

# Of the other mirror's writes, over those without a fault a moment before.
p99_ratio() {
	if [ "$FAULT" = none ]; then
		echo "$p99 us"
	else
		over "$p99" "$p99_now" | tee -a "/tmp/ratios.$TARGET.$FAULT"
	fi
}

# --- one cell

# What a cell that failed has left.
clear_away() {
	fault_heal faulty "$FAULT" "$BASE" $SECTORS
	ends_within 30 dmsetup resume m
	dmsetup table
	rm_mirror m && fault_end faulty "$FAULT" && return
	fail "$TARGET $FAULT $STATE: cannot be cleared away"
	exit 1
}

cell() { # TARGET FAULT STATE
	say "$1 $2 $3"
	TARGET=$1 FAULT=$2 STATE=$3 cell_failed=0 repair_took=-
	rm -f /tmp/probe.*
	[ "$STATE" = resyncing ] && echo 5 >$THROTTLE
	make_cell
	enter_state
	begin_probe other load_other
	fault_begin faulty "$FAULT" "$BASE" $SECTORS
	act_in_state
	probe_mirror
	until_true 30 probe_ended other
	act_said=$(probe_said act)
	read_before=$(probe_said read) write_before=$(probe_said write)
	[ "$STATE" = draining ] && read_before=- write_before=-
	health=$(mirror_health)
	[ -n "${LEARN-}" ] || cell_is_whole outcome_is_expected
	cell_is_whole log_knows_what_differs
	cell_is_whole fio_ok other
	p99=$(other_p99)
	echo 100 >$THROTTLE
	cell_is_whole repair
	if [ $cell_failed = 1 ]; then
		clear_away
		return
	fi
	[ "$FAULT" != hung ] || writes_hang || fault_heal faulty "$FAULT" "$BASE" $SECTORS
	cell_is_whole held_write_ends_well
	cell_is_whole it_is_in_sync
	cell_is_whole no_acknowledged_write_is_lost
	rm_mirror m
	cell_is_whole legs_are_identical
	fault_end faulty "$FAULT"
	[ -n "$unseen" ] || figure "| $TARGET | $FAULT | $STATE | $act_said | $write_before | $read_before | $health | $disk_says | $repair_took s | $(p99_ratio) |"
}

# What the other mirror's writes take without a fault, on the machine as it is now.
see_p99_now() {
	unseen=yes
	cell log none in-sync
	unseen=
	p99_now=$p99
}

# One cell is four seconds, in which anything can happen to a virtual machine; and a machine that has more to do at the end
# than it had at the beginning holds up everybody.
judge_p99() { # TARGET FAULT
	judged_before=$p99_now
	see_p99_now
	# shellcheck disable=SC2046
	judged_median=$(median $(cat "/tmp/ratios.$1.$2"))
	[ "$p99_now" -le "$judged_before" ] || judged_median=$(over "$judged_median * $judged_before" "$p99_now")
	at_most "$1 $2: p99 of the other mirror's writes, median of the states" "$judged_median" 2
}

reliability_table() { # TARGETS FAULTS STATES: empty for all
	modprobe dm-delay
	modprobe loop
	start_daemon --clear-delay 1 --io-retry 2 || return
	begin_other || return
	set -- "${1:-log leg0 leg1}" "${2:-$FAULTS_ALL}" "${3:-$STATES_ALL}"
	unseen=
	for table_state in $3; do
		cell log none "$table_state"
	done
	p99_now=$p99
	for table_target in $1; do
		for table_fault in $2; do
			for table_state in $3; do
				cell "$table_target" "$table_fault" "$table_state"
			done
			[ "${JUDGE_P99:-yes}" = no ] || judge_p99 "$table_target" "$table_fault"
		done
	done
	rm_mirror other
	check "daemon alive" daemon_lives
}
