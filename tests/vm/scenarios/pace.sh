# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a resync is paused, goes on, is held to a rate, and begins anew, without I/O and through kills
# disks: a=64M:random b=64M log=16M
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # the tool is ours

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072 REGION=128 # 1,024 regions of 64 KiB
stands() { # it did not go on meanwhile
	stands_then=$(sync_done m)
	sleep 2
	equal "$1: regions in sync" "$(sync_done m)" "$stands_then"
}
went_on() { [ "$(sync_done m)" -gt "$1" ]; }
count() { sync_done m; }
kill_server() {
	kill_pid=$(server_pid)
	kill -KILL "$kill_pid"
	until_true 20 another_server "$kill_pid" || fail "another server comes"
}
has_event() { grep -q "$1" /tmp/events; }

start_daemon --clear-delay 1 --resync-rate 1M || exit 1
dirtylogctl events >/tmp/events &
events=$!
mk_mirror m dirtylogd $SECTORS "$LOG" $REGION "$A" "$B" || exit 1

# --- a rate: 16 regions a second, though nobody reads or writes the mirror
began=$(cut -d' ' -f1 /proc/uptime)
first=$(count)
sleep 6
second=$(count)
seconds=$(cut -d' ' -f1 /proc/uptime | awk -v s="$began" '{ print $1 - s }')
figure "rate $(awk -v n=$((second - first)) -v s="$seconds" 'BEGIN { printf "%.1f", n / s }') regions/s of 16"
at_least "rate: regions in 6 s" $((second - first)) 40
at_most "rate: regions in 6 s" $((second - first)) 140
kill_server
then=$(count)
check "rate: goes on behind a kill" until_true 10 went_on "$then"

# --- a pause
dirtylogctl pause m || fail "pause"
sleep 1
stands "paused"
kill_server
stands "paused, and killed"
reload m "$(mirror_table dirtylogd $SECTORS "$LOG" $REGION "$A" "$B" dl-m)"
stands "paused, and another table"
write_block /dev/mapper/m 5000
stands "paused, and written"
dirtylogctl continue m || fail "continue"
then=$(count)
check "continued: goes on, and nobody reads or writes" until_true 10 went_on "$then"

# --- without a rate
dirtylogctl set resync-rate 0 >/dev/null || fail "set"
wait_sync m 60
check "legs identical" legs_identical "$A" "$B" 64
check "event: paused" until_true 5 has_event ' m paused'
check "event: in sync" until_true 5 has_event ' m in-sync: 1024 of 1024'

# --- a table of two mirrors, each of which has a thread in the kernel
half=$((SECTORS / 2))
line() { # START UUID: a part of the table
	mirror_table dirtylogd-core $half - $REGION "$A@$1" "$B@$1" "$2" | sed "s/^0 /$1 /"
}
dirtylogctl set resync-rate 1M >/dev/null
rm_mirror m
{
	line 0 dl-t
	line $half dl-u
} | dmsetup create two || fail "two mirrors in a table"
parts() { dmsetup status two | awk '{ print $(4 + $4 + 1) }' | tr '/\n' '  '; }
# shellcheck disable=SC2046 # four numbers
both_went_on() { set -- $(parts) && [ "$1" -gt 30 ] && [ "$3" -gt 30 ]; }
check "two mirrors in a table: both go on" until_true 15 both_went_on
say "$(parts)"
dirtylogctl set resync-rate 0 >/dev/null
both_in_sync() { [ "$(parts)" = "512 512 512 512 " ]; }
check "two mirrors in a table: in sync" until_true 30 both_in_sync
then=$(dirtylogctl stats | awk '$1 == "resync_wakes" { print $2 }')
sleep 7
equal "in sync: not read any more" "$(dirtylogctl stats | awk '$1 == "resync_wakes" { print $2 }')" "$then"
rm_mirror two
mk_mirror m dirtylogd $SECTORS "$LOG" $REGION "$A" "$B" || exit 1
check "in sync as before" in_sync m

# Not one for each place that was read.
at_most "files of who reads the mirrors" "$(find /run/dirtylogd -name 'device-wake-*' | wc -l)" 8

# --- all of it again: the second leg gets what the first has, whatever the bits say
wipe "$B" 8
echo 3 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
dirtylogctl resync m >/tmp/resync 2>&1
equal "resync: exit status" $? 0
at_most "resync: has begun" "$(count)" 1023
case $(dmsetup table m) in
*" sync "*) fail "resync: its table says sync no more: $(dmsetup table m)" ;;
*) pass "resync: its table says sync no more" ;;
esac
kill_server
echo 100 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
wait_sync m 90
check "resync: legs identical" legs_identical "$A" "$B" 64
check "event: resyncing" until_true 5 has_event ' m resyncing'

# --- events
stop_daemon
check "event: lost" until_true 10 has_event ' dirtylogd lost'
start_daemon --clear-delay 1 || exit 1
check "event: found" until_true 10 has_event ' dirtylogd found'
write_block /dev/mapper/m 5000 # the kernel makes the log again
rm_mirror m
check "event: gone" until_true 10 has_event ' m gone'
kill $events
say "$(cat /tmp/events)"
check "daemon alive" daemon_lives
kernel_quiet
