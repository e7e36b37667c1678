# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the server and who stands by are killed again and again (KILLS), then the supervisor (KILLS_ALL), verified
# disks: a=128M b=128M log=8M
# front: yes
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
# The server, who stands by, or both at once.
stands_by() { [ "$(server standby_pid)" -gt 0 ]; }
kill_in_turn() { # NUMBER
	[ $(($1 % 2)) = 0 ] || until_true 20 stands_by
	pids=$(server server_pid)
	case $(($1 % 4)) in
	1) pids=$(server standby_pid) ;;
	3) pids="$(server standby_pid) $pids" ;; # who has not begun yet is no server
	esac
	# shellcheck disable=SC2086
	kill -KILL $pids
	[ $(($1 % 4)) = 1 ] || servers=$((servers + 1))
}
# As systemd does (KillMode=process): a child that suspends a mirror is left. See killed-suspend.
kill_all() { # what they know in memory is gone
	for pid in $(pidof dirtylogd); do
		grep -q exe "/proc/$pid/comm" || kill -KILL "$pid"
	done 2>/dev/null
	wait "$DAEMON_PID" 2>/dev/null
}
# All at once; or the supervisor, which its server and who stands by do not outlive; or it and its server.
kill_supervisor() { # NUMBER
	case $(($1 % 3)) in
	0) kill_all && return ;;
	1) kill -KILL "$DAEMON_PID" ;;
	2) kill -KILL "$DAEMON_PID" "$(server server_pid)" ;;
	esac
	wait "$DAEMON_PID" 2>/dev/null
	until_true 20 nobody_left || fail "nobody is left 20 s after the supervisor's end: $(left)"
}
# A dead one that nobody has waited for is gone. A child that wakes a mirror (named exe) may stay until that answers.
left() {
	for pid in $(pidof dirtylogd); do
		sed -n 's/^\([0-9]* (dirtylogd) [^Z].\{30\}\).*/\1/p' "/proc/$pid/stat" 2>/dev/null
	done
}
nobody_left() { [ -z "$(left)" ]; }
all_in_sync() { dmsetup status --target mirror | grep -c " $REGIONS/$REGIONS " | grep -qx "$COUNT"; }

verified_job 4 rw=randrw rwmixread=30 runtime=100000 time_based verify_backlog=64
for i in 0 1 2 3; do
	kind=dirtylogd-flush
	[ "$i" = 2 ] && kind=dirtylogd
	[ "$i" = 3 ] && kind=dirtylogd-core
	one_of_many "$i" $kind nosync || exit 1
done
sleep 2

# With its memory: nobody notices.
start_job restart
kills=0
servers=1
while [ $kills -lt "$KILLS" ]; do
	sleep 1
	kill_in_turn $kills
	until_true 10 daemon_answers
	kills=$((kills + 1))
	say "killed $kills times"
done
end_load $fio_pid
check "fio verify without an error" fio_ok restart
# Killed while the legs are flushed, it leaves regions to be recovered.
check "all in sync in the end" until_true 60 all_in_sync
figure "killed while the legs were flushed: $(grep -c 'a server has died while the legs were flushed' $DAEMON_LOG) times"
equal "servers" "$(server server)" $servers
figure "restart ${kills} times: $(fio_field restart write_iops) write IOPS, slowest write $(fio_field restart write_max) us"
at_most "longest stall of a write in us: no request was lost, which the kernel asks again after 15 s" \
	"$(fio_field restart write_max)" $((10000000 * SLOW))
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
	kill_supervisor $kills
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

# With the module a read, and a write to a hot region, need no daemon.
if with_front; then
	write_block /dev/mapper/m0 100
	kill_all
	check "a read without a daemon" ends_within 1 read_block /dev/mapper/m0 5000
	start_daemon --clear-delay 1
fi
for i in 0 1 2 3; do
	rm_mirror "m$i"
	dmsetup remove "log$i"
done
kernel_quiet_but 'device-mapper: (dm-log-userspace: .*(Userspace log server not found|timed out|No reply)|raid1: log (presuspend|postsuspend|resume) failed)'
check "daemon alive" daemon_lives
