# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the cached log in front of others: resync, writes, table, status, what is refused, requests, readahead
# disks: a=64M:random b=64M log=64M
# needs: module
# timeout: 400
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
REGION=1024
SECTORS=131072
REGIONS=128
on_kernel_log && exit 0
start_daemon --clear-delay 1 || exit 1

# A mirror's life: resync, verified writes, table loaded again, remove, made again, written, removed.
life() { # KIND STATUS
	wipe "$LOG"
	head -c 1048576 /dev/urandom | dd of="$B" bs=64k seek=16 oflag=direct 2>/dev/null
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" || return
	wait_sync m 60
	equal "$1: both legs alive" "$(leg_states m)" AA
	equal "$1: log status is that of the log behind" "$(log_status m)" "$2"
	fio_run "$1" --filename=/dev/mapper/m --rw=randrw --rwmixread=30 --runtime=5 --time_based --iodepth=8 \
		--verify=crc32c --verify_backlog=64 --verify_fatal=1
	check "$1: fio verify without an error" fio_ok "$1"
	dmsetup table m >/tmp/table
	check "$1: the table can be loaded again" dmsetup load m --table "$(cat /tmp/table)"
	dmsetup suspend m && dmsetup resume m
	equal "$1: and is the same" "$(dmsetup table m)" "$(cat /tmp/table)"
	wait_sync m 60
	rm_mirror m
	check "$1: legs identical" legs_identical "$A" "$B" 64
	case $1 in
	*core) ;;
	*) equal "$1: regions that a removal leaves dirty" "$(log_dirty "$LOG" $REGIONS)" "" ;;
	esac
	life_written=$(stat_field "$B" 7)
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" || return
	wait_sync m 60
	case $1 in
	*core) ;;
	*) equal "$1: sectors copied when it is made again" $(($(stat_field "$B" 7) - life_written)) 0 ;;
	esac
	write_block /dev/mapper/m 1234
	rm_mirror m
	check "$1: legs identical at the end" legs_identical "$A" "$B" 64
}
DISK="3 disk $(dev_number "$LOG") A"
life front-dirtylogd "$DISK"
life front-dirtylogd-flush "$DISK"
life front-dirtylogd-core "1 core"
life front-kernel "$DISK"
life front-kernel-core "1 core"

# The words of a table line come back as they went in, but for those that say the default.
round_trip() { # WHAT WORDS EXPECTED
	wipe "$LOG"
	if dmsetup create m --table "0 $SECTORS mirror $2 2 $A 0 $B 0 1 handle_errors"; then
		equal "table: $1" "$(dmsetup table m)" \
			"0 $SECTORS mirror $3 2 $(dev_number "$A") 0 $(dev_number "$B") 0 1 handle_errors"
		rm_mirror m
	else
		fail "table: $1: is taken"
	fi
}
round_trip "options" "cached 7 clear_delay 200 max_lazy 16 core 1024 nosync" \
	"cached 7 clear_delay 200 max_lazy 16 core 1024 nosync"
round_trip "defaults" "cached 7 max_lazy 1024 clear_delay 1000 core 1024 nosync" "cached 3 core 1024 nosync"
round_trip "userspace" "cached 8 max_lazy 0 userspace dl-m integrated_flush core 1024 nosync" \
	"cached 8 max_lazy 0 userspace dl-m integrated_flush core 1024 nosync"

refused() { # WHAT WORDS REASON
	dmesg -c >/dev/null
	check_not "refused: $1" dmsetup create m --table "0 $SECTORS mirror $2 2 $A 0 $B 0 1 handle_errors" 2>/dev/null
	check "refused: $1: with a reason" sh -c "dmesg | grep -q 'log-cached: $3'"
	dmsetup remove m 2>/dev/null
}
dmesg | grep -E 'BUG|WARNING:|Oops|hung task' && fail "the kernel is content so far"
refused "no log behind" "cached 0" "No log behind"
refused "a clustered log" "cached 5 userspace dl-m clustered-disk $LOG 1024" "Clustered logs"
refused "a clustered log, integrated flush" "cached 6 userspace dl-m integrated_flush clustered-disk $LOG 1024" "Clustered logs"
refused "a cached log" "cached 3 cached core 1024" "A cached log behind"
refused "a word that is no number" "cached 4 clear_delay soon core 1024" "Invalid clear_delay"
refused "too much to be lazy" "cached 4 max_lazy 4294967295 core 1024" "Invalid max_lazy"
refused "a log behind with wrong words" "cached 3 disk $LOG 1023" "Error creating the log behind"

# What is asked: 0 for a read, 0 for a hot write, 1 for a cold one.
requests() { # KIND
	wipe "$LOG"
	snap 0
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" nosync || return
	sleep 4
	snap 1
	figure "activation_$1 $(requests_between 0 1 | tr ' ' ,) requests"
	i=0
	while [ $i -lt 64 ]; do
		read_block /dev/mapper/m $((i * 256 + 5))
		i=$((i + 1))
	done
	snap 2
	equal "$1: requests for 64 reads of 64 regions" "$(requests_between 1 2)" ""
	write_block /dev/mapper/m 2000
	snap 3
	figure "cold_write_$1 $(requests_between 2 3 | tr ' ' ,) before it is done"
	sleep 6
	snap 4
	figure "its_clear_$1 $(requests_between 3 4 | tr ' ' ,) later"
	# Hot: 100 writes within a clear's delay each.
	write_block /dev/mapper/m 2000
	snap 5
	i=0
	while [ $i -lt 100 ]; do
		write_block /dev/mapper/m $((2000 + i % 8))
		i=$((i + 1))
	done
	snap 6
	equal "$1: requests for 100 hot writes" "$(requests_between 5 6)" ""
	rm_mirror m
}
requests front-dirtylogd
equal "a cold write's requests" "$(requests_between 2 3)" "flush=1 mark_region=1"
requests front-dirtylogd-flush
equal "a cold write's requests, integrated flush" "$(requests_between 2 3)" "flush=1"
equal "its clear's, later" "$(requests_between 3 4)" "flush=1 clear_region=1"

# Buffered sequential reads: in how many reads of the leg 16 MiB arrive.
readahead() { # KIND
	wipe "$LOG"
	mk_mirror m "$1" $SECTORS "$LOG" $REGION "$A" "$B" nosync || return
	sleep 2
	echo 3 >/proc/sys/vm/drop_caches
	ahead_before=$(stat_field "$A" 1)
	dd if=/dev/mapper/m of=/dev/null bs=1M count=16 2>/dev/null
	ahead_reads=$(($(stat_field "$A" 1) - ahead_before))
	figure "readahead_$1 16 MiB in $ahead_reads reads of the leg"
	rm_mirror m
}
readahead kernel
ahead_kernel=$ahead_reads
readahead dirtylogd-flush
at_least "without the module readahead does not reach the leg" "$ahead_reads" 2048
for kind in front-dirtylogd front-dirtylogd-flush front-kernel; do
	readahead $kind
	at_most "$kind: readahead reaches the leg as with the kernel's log" "$ahead_reads" $((ahead_kernel + 32))
done

# The module stays as long as a mirror uses it.
mk_mirror m front-kernel-core $SECTORS - $REGION "$A" "$B" nosync
check_not "the module cannot be unloaded while it is used" rmmod dm_log_cached 2>/dev/null
rm_mirror m
check "the module can be unloaded afterwards" rmmod dm_log_cached
dmesg | grep -E 'BUG|WARNING:|Oops|hung task' >/tmp/complaints
check_not "the kernel complains" [ -s /tmp/complaints ]
check "daemon alive" daemon_lives
check "daemon ends with status 0" stop_daemon
