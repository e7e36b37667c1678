# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a log device that takes 500 ms (dm-delay) holds up no other mirror
# disks: a=128M b=128M log=8M
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=131072
modprobe dm-delay
start_daemon || exit 1

dmsetup create slowlog --table "0 2048 delay $LOG 0 0 $LOG 0 500"
dmsetup create quicklog --table "0 2048 linear $LOG 2048"
mk_mirror slow dirtylogd $SECTORS /dev/mapper/slowlog 128 "$A" "$B" nosync || exit 1
mk_mirror quick dirtylogd $SECTORS /dev/mapper/quicklog 128 "$A@$SECTORS" "$B@$SECTORS" nosync || exit 1
sleep 2

reads() { # LABEL: of the quick mirror
	fio_run "$1" --filename=/dev/mapper/quick --rw=randread --runtime=5 --time_based
	check "$1: fio without an error" fio_ok "$1"
}
write_slowly() {
	fio_run slow --filename=/dev/mapper/slow --rw=randwrite --bs=4k --runtime=7 --time_based
}

alone='' beside='' round=0
while [ $round -lt 3 ]; do
	reads alone
	alone="$alone $(fio_field alone read_mean)"
	write_slowly &
	sleep 1
	reads beside
	beside="$beside $(fio_field beside read_mean)"
	wait $!
	check "the slow one's writes end without an error" fio_ok slow
	round=$((round + 1))
done
# shellcheck disable=SC2086
alone=$(median $alone) beside=$(median $beside)
figure "slow_log mean read of the other mirror: $alone us alone, $beside us beside, slow one $(fio_field slow write_iops) writes/s"
# Writes with a slow log take half a second each: a read that waited for one would show.
at_most "mean read beside over alone" "$(awk -v a="$beside" -v b="$alone" 'BEGIN { print a / b }')" 1.5
at_most "writes per second of the slow one" "$(fio_field slow write_iops)" 4
rm_mirror slow
rm_mirror quick
dmsetup remove slowlog
dmsetup remove quicklog
kernel_quiet
check "daemon alive" daemon_lives
