# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: what a write costs the log: at most 8 sectors with 1 Mi regions, none for a hot region
# disks: a=4G b=4G log=64M
# timeout: 90
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
start_daemon || exit 1
mk_mirror m dirtylogd 8388608 "$LOG" 8 "$A" "$B" nosync
sleep 2

before=$(stat_field "$LOG" 7)
fio_run random --filename=/dev/mapper/m --rw=randwrite --size=4G --number_ios=400
check "random writes without an error" fio_ok random
# The lazy clears belong to the writes.
dmsetup suspend m
sectors=$(($(stat_field "$LOG" 7) - before))
dmsetup resume m
figure "random $sectors log sectors for 400 writes"
on_kernel_log || at_most "log sectors for 400 writes" "$sectors" 3200
at_least "log sectors for 400 writes: each was marked" "$sectors" 400
sleep 1

write_block /dev/mapper/m 5000
before=$(stat_field "$LOG" 7)
fio_run hot --filename=/dev/mapper/m --rw=write --offset=$((5000 * 4096)) --size=4096 --loops=200
check "writes to one region without an error" fio_ok hot
sectors=$(($(stat_field "$LOG" 7) - before))
figure "hot $sectors log sectors for 200 writes"
on_kernel_log || equal "log sectors for 200 writes to one region" "$sectors" 0
rm_mirror m
kernel_quiet
check "daemon alive" daemon_lives
