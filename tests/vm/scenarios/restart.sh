# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the server killed every 2 s, 30 times (KILLS), under fio verify on 8 mirrors: nobody notices
# disks: a=128M b=128M log=8M
# front: yes
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

front_is_busy
A=$(dev a) B=$(dev b) LOG=$(dev log)
COUNT=8
: "${KILLS:=30}"
SECTORS=32768
REGIONS=256
# The kernel's own log has no server.
on_kernel_log && KILLS=3
start_daemon || exit 1

server() { dirtylogctl stats | awk -v name="$1" '$1 == name { print $2 }'; }

kill_server() {
	on_kernel_log && return 0
	kill -KILL "$(server server_pid)"
}

all_in_sync() {
	dmsetup status --target mirror | grep -c " $REGIONS/$REGIONS " | grep -qx "$COUNT"
}

verified_job 2 rw=randrw rwmixread=30 runtime=100000 time_based verify_backlog=64
i=0
while [ $i -lt $COUNT ]; do
	kind=dirtylogd
	# The kernel asks otherwise with integrated_flush: two of the four have it.
	[ $i -ge 2 ] && kind=dirtylogd-flush
	[ $i -ge 4 ] && kind=dirtylogd-core
	# Legs that are equal from the start stay so only if each write reaches both.
	one_of_many $i $kind nosync || exit 1
	i=$((i + 1))
done
sleep 2
start_job restart
kills=0
lost_sync=0
while [ $kills -lt "$KILLS" ]; do
	sleep 2
	kill_server
	all_in_sync || lost_sync=$((lost_sync + 1))
	kills=$((kills + 1))
done
end_load $fio_pid
check "fio verify without an error" fio_ok restart
# A kill that comes while the legs are flushed leaves regions to be recovered, and is said.
if grep -q 'a server has died while the legs were flushed' $DAEMON_LOG; then
	figure "killed while the legs were flushed; $lost_sync times a mirror was not all in sync"
else
	equal "times that a mirror was not all in sync" $lost_sync 0
fi
check "all in sync at the end" until_true 60 all_in_sync
if ! on_kernel_log; then
	equal "servers" "$(server server)" $((KILLS + 1))
	equal "requests to a log that the last server did not know" "$(server unknown_log)" 0
fi
figure "restart $(fio_field restart write_iops) write IOPS, slowest write $(fio_field restart write_max) us"
at_most "longest stall of a write in us: no request was lost, which the kernel asks again after 15 s" \
	"$(fio_field restart write_max)" $((10000000 * SLOW))
equal "messages of the kernel's userspace log" \
	"$(dmesg | grep 'dm-log-userspace' | grep -cv 'loaded')" 0

# Another program in the place of this one, and the fio goes on.
if ! on_kernel_log; then
	verified_job 4 rw=randrw runtime=100000 time_based verify_backlog=64 '[m0]' filename=/dev/mapper/m0
	start_job hup
	sleep 2
	before=$(server server_pid)
	another_server() { [ "$(server server_pid)" != "$before" ] && daemon_answers; }
	kill -HUP "$DAEMON_PID"
	check "SIGHUP: another server" until_true 30 another_server
	sleep 2
	end_load "$fio_pid"
	check "SIGHUP: fio verify without an error" fio_ok hup
	figure "hup slowest write $(fio_field hup write_max) us"
	at_most "SIGHUP: longest stall of a write in us" "$(fio_field hup write_max)" $((2000000 * SLOW))
	check "SIGHUP: all in sync" all_in_sync
fi
i=0
while [ $i -lt $COUNT ]; do
	rm_mirror "m$i"
	dmsetup remove "log$i"
	i=$((i + 1))
done
check "legs identical" legs_identical "$A" "$B" 128
kernel_quiet
check "daemon alive" daemon_lives
