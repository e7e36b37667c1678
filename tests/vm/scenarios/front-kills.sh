# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the server behind cached logs is killed again and again (KILLS), then all of dirtylogd (KILLS_ALL), verified
# disks: a=128M b=128M log=8M
# needs: module
# timeout: 400
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server

A=$(dev a) B=$(dev b) LOG=$(dev log)
COUNT=4
: "${KILLS:=$((25 / SLOW))}" # each costs a slow kernel half a minute
: "${KILLS_ALL:=3}"
SECTORS=65536
REGIONS=512
front_is_busy
start_daemon --clear-delay 1 || exit 1

server() { dirtylogctl stats | awk -v name="$1" '$1 == name { print $2 }'; }
kill_all() { # supervisor and server: what they know in memory is gone
	killall -KILL dirtylogd
	wait "$DAEMON_PID" 2>/dev/null
}
all_in_sync() { dmsetup status --target mirror | grep -c " $REGIONS/$REGIONS " | grep -qx "$COUNT"; }

verified_job 4 rw=randrw rwmixread=30 runtime=100000 time_based verify_backlog=64
for i in 0 1 2 3; do
	kind=front-dirtylogd-flush
	[ "$i" = 2 ] && kind=front-dirtylogd
	[ "$i" = 3 ] && kind=front-dirtylogd-core
	one_of_many "$i" $kind nosync || exit 1
done
sleep 2

# With its memory: nobody notices.
start_job restart
kills=0
while [ $kills -lt "$KILLS" ]; do
	sleep 1
	kill -KILL "$(server server_pid)"
	until_true 10 daemon_answers
	kills=$((kills + 1))
	say "killed $kills times"
done
end_load $fio_pid
check "fio verify without an error" fio_ok restart
# Killed while the legs are flushed, it leaves regions to be recovered.
check "all in sync in the end" until_true 60 all_in_sync
figure "killed while the legs were flushed: $(grep -c 'a server has died while the legs were flushed' $DAEMON_LOG) times"
equal "servers" "$(server server)" $((KILLS + 1))
figure "restart ${kills} times: $(fio_field restart write_iops) write IOPS, slowest write $(fio_field restart write_max) us"
at_most "longest stall of a write in us" "$(fio_field restart write_max)" $((2000000 * SLOW))
for i in 0 1 2 3; do dmsetup suspend "m$i"; done
check "legs identical" legs_identical "$A" "$B" 128
for i in 0 1 2 3; do dmsetup resume "m$i"; done

note_writes() { for i in 0 1 2 3; do stat_field "/dev/mapper/m$i" 5 >"/tmp/writes.$i"; done; }
all_written() {
	for i in 0 1 2 3; do
		[ "$(stat_field "/dev/mapper/m$i" 5)" -gt "$(cat "/tmp/writes.$i")" ] || return 1
	done
}

# Without: what was dirty on the device is out of sync for the daemon, and not for us, until the resume that it asks for.
start_job killed
kills=0
while [ $kills -lt "$KILLS_ALL" ]; do
	sleep 3
	kill_all
	sleep $((kills % 3 * 3 / 2)) # 0, 1, 3
	start_daemon --clear-delay 1
	note_writes
	# A request that it had in hand is asked again after 15 s.
	until_true 40 all_written || fail "killed: all mirrors are written again within 40 s"
	kills=$((kills + 1))
	say "killed $kills times"
done
end_load $fio_pid
check "killed: fio verify without an error" fio_ok killed
figure "killed ${kills} times: $(fio_field killed write_iops) write IOPS, slowest write $(fio_field killed write_max) us"
check "killed: all in sync in the end" until_true 60 all_in_sync
for i in 0 1 2 3; do dmsetup suspend "m$i"; done
check "killed: legs identical" legs_identical "$A" "$B" 128
for i in 0 1 2 3; do dmsetup resume "m$i"; done

# A read, and a write to a hot region, need no daemon.
write_block /dev/mapper/m0 100
kill_all
check "a read without a daemon" ends_within 1 read_block /dev/mapper/m0 5000
start_daemon --clear-delay 1
for i in 0 1 2 3; do
	rm_mirror "m$i"
	dmsetup remove "log$i"
done
kernel_quiet_but 'device-mapper: (dm-log-userspace: .*(Userspace log server not found|timed out|No reply)|raid1: log (presuspend|postsuspend|resume) failed)'
check "daemon alive" daemon_lives
