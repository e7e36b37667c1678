# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a leg's flush fails and nobody is left to hear of it: its regions are recovered
# disks: a=64M b=64M log=64M
# timeout: 400
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server to be killed

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072
REGIONS=1024
modprobe dm-flakey
dmsetup create leg --table "0 $SECTORS linear $B 0"

flush_hangs() { # BLOCK: written, and the leg's flush waits
	write_block /dev/mapper/m "$1"
	dmsetup suspend --noflush --nolockfs leg
	SERVER=$(server_pid)
	check "a flush of the leg waits" until_true 20 leg_flush_hangs "$SERVER"
}
flush_fails() { # BLOCK: and the leg, which has lost what its cache had, comes back with old data
	dmsetup load leg --table "0 $SECTORS flakey $B 0 0 1000 1 error_writes"
	dmsetup resume leg
	sleep 1
	dd if=/dev/urandom of="$B" bs=4096 count=1 seek="$1" oflag=direct conv=notrunc 2>/dev/null
	dmsetup suspend --noflush --nolockfs leg
	dmsetup load leg --table "0 $SECTORS linear $B 0"
	dmsetup resume leg
}
in_sync_again() { in_sync m; }
said() { grep -q "$1" $DAEMON_LOG; }

# What a successor flushes by itself comes after this delay.
start_daemon --clear-delay 3 || exit 1
mk_mirror m dirtylogd $SECTORS "$LOG" 128 "$A" /dev/mapper/leg nosync || exit 1
sleep 2

# The flush fails while no server is there.
flush_hangs 100
kill -STOP "$DAEMON_PID"
kill -KILL "$SERVER"
flush_fails 100
kill -CONT "$DAEMON_PID"
check "another server" until_true 10 another_server "$SERVER"
check "the successor knows of the flush" until_true 20 \
	said 'a server has died while the legs were flushed: 1 regions'
check "the log is clean in the end" until_true 40 log_is_clean "$LOG" $REGIONS
check "all of it is in sync" until_true 20 in_sync_again
dmsetup suspend m
check "legs identical" legs_identical "$A" "$B" 64
dmsetup resume m
sleep 2

# The successor's own flush fails too.
flush_hangs 200
kill -KILL "$SERVER"
check "another server" until_true 10 another_server "$SERVER"
check "its flush waits too" until_true 10 leg_flush_hangs "$(server_pid)"
flush_fails 200
check "it says that the leg has failed" until_true 10 said 'a leg of log dl-m could not be flushed'
sleep 7
equal "the region stays dirty" "$(log_dirty "$LOG" $REGIONS | wc -l)" 1
dmsetup suspend m
dmsetup resume m
check "the log is clean after a resume" until_true 40 log_is_clean "$LOG" $REGIONS
rm_mirror m
check "legs identical" legs_identical "$A" "$B" 64

# A mirror that resyncs asks by itself: it begins anew, and its regions become clean again.
some_done() { [ "$(sync_done m)" -ge 100 ]; }
throttle=/sys/module/dm_mirror/parameters/raid1_resync_throttle
wipe "$LOG"
echo 2 >$throttle
mk_mirror m dirtylogd $SECTORS "$LOG" 128 "$A" /dev/mapper/leg || exit 1
check "a part is in sync" until_true 60 some_done
flush_hangs 100
kill -KILL "$SERVER"
check "resyncing: another server" until_true 10 another_server "$SERVER"
dmsetup resume leg
said_twice() { [ "$(grep -c 'a server has died while the legs were flushed' $DAEMON_LOG)" -ge 2 ]; }
check "resyncing: the successor knows of the flush" until_true 20 said_twice
echo 100 >$throttle
wait_sync m 60
check "resyncing: the log is clean in the end" until_true 40 log_is_clean "$LOG" $REGIONS
rm_mirror m
check "resyncing: legs identical" legs_identical "$A" "$B" 64
kernel_quiet
check "daemon alive" daemon_lives
