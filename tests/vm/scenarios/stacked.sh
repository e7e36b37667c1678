# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a mirror with its leg, and one with its log, on another mirror of the same daemon, under kills
# disks: a=64M b=64M c=64M log=64M
# timeout: 240
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0 # it has no server to be killed

A=$(dev a) B=$(dev b) C=$(dev c)
SECTORS=32768
REGIONS=256
dmsetup create ilog --table "0 2048 linear $(dev log) 0"
dmsetup create olog --table "0 2048 linear $(dev log) 2048"
dmsetup create nlog --table "0 2048 linear $(dev log) 4096"

start_daemon --clear-delay 1 --workers 1 || exit 1
mk_mirror inner dirtylogd $SECTORS /dev/mapper/ilog 128 "$A" "$B" nosync || exit 1
mk_mirror outer dirtylogd $SECTORS /dev/mapper/olog 128 /dev/mapper/inner "$C" nosync || exit 1
mk_mirror below dirtylogd 4096 /dev/mapper/nlog 128 "$A@$SECTORS" "$B@$SECTORS" nosync || exit 1
mk_mirror above dirtylogd $SECTORS /dev/mapper/below 128 "$A@65536" "$C@65536" nosync || exit 1
sleep 2

fio_run outer --filename=/dev/mapper/outer --rw=randwrite --runtime=40 --time_based --iodepth=4 \
	--verify=crc32c --verify_backlog=64 --verify_fatal=1 --fsync=32 &
outer_fio=$!
fio_run above --filename=/dev/mapper/above --rw=randwrite --runtime=40 --time_based --iodepth=4 \
	--verify=crc32c --verify_backlog=64 --verify_fatal=1 --fsync=32 &
above_fio=$!
kills=0
while [ $kills -lt 12 ]; do
	sleep 2
	SERVER=$(server_pid)
	kill -KILL "$SERVER"
	until_true 10 another_server "$SERVER" || fail "another server after kill $kills"
	kills=$((kills + 1))
done
wait $outer_fio
wait $above_fio
check "fio verify of the mirror with a mirror as its leg" fio_ok outer
check "fio verify of the mirror with its log on a mirror" fio_ok above
figure "outer $(fio_field outer write_iops) IOPS, slowest $(fio_field outer write_max) us"
figure "above $(fio_field above write_iops) IOPS, slowest $(fio_field above write_max) us"
at_most "slowest write of the outer mirror, us" "$(fio_field outer write_max)" 10000000
at_most "slowest write of the mirror above, us" "$(fio_field above write_max)" 10000000
check "the outer log is clean in the end" until_true 40 log_is_clean /dev/mapper/olog $REGIONS
check "the inner log is clean in the end" until_true 40 log_is_clean /dev/mapper/ilog $REGIONS
check "the log above is clean in the end" until_true 40 log_is_clean /dev/mapper/below $REGIONS
check "the log below is clean in the end" until_true 40 log_is_clean /dev/mapper/nlog 32
for mirror in outer inner above below; do
	check "$mirror is in sync" in_sync $mirror
	rm_mirror $mirror
done
check "no log is left" until_true 5 no_logs
kernel_quiet
check "daemon alive" daemon_lives
