# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: dirtylogd beside the kernel's disk log, interleaved in one boot
# disks: a=4G b=4G logk=64M logd=64M
# timeout: 420
# quick: apart
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOGK=$(dev logk) LOGD=$(dev logd)
ROUNDS=5
start_daemon || exit 1

log_of() { if [ "$1" = kernel ]; then echo "$LOGK"; else echo "$LOGD"; fi; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f\n", a / b; else print 0 }'; }

# measure LABEL KIND SECTORS REGION_SECTORS SYNC SECONDS FIO_ARG...: sets iops and log_per_write
measure() {
	m_label=$1 m_kind=$2 m_log=$(log_of "$2") m_seconds=$6
	wipe "$m_log" 2
	mk_mirror m "$m_kind" "$3" "$m_log" "$4" "$A" "$B" ${5:+"$5"} || return
	shift 6
	# Before the load, dirtylogd's look at the mirror settles what the kernel believes.
	[ "$m_label" = resync ] || sleep 2
	m_before=$(stat_field "$m_log" 7)
	fio_run bench --filename=/dev/mapper/m --rw=randwrite --runtime="$m_seconds" --time_based "$@"
	fio_ok bench || fail "$m_label $m_kind: fio without an error"
	[ "$m_label" != resync ] || ! in_sync m || fail "resync $m_kind: still running at the end"
	# The lazy clears belong to the writes.
	dmsetup suspend m
	m_after=$(stat_field "$m_log" 7)
	dmsetup resume m
	rm_mirror m
	iops=$(fio_field bench write_iops)
	log_per_write=$(awk -F';' -v s=$((m_after - m_before)) 'NF > 100 { w = $47 / 4; if (w) printf "%.2f\n", s / w; exit }' /tmp/fio.bench)
	figure "${m_label}_$m_kind $iops IOPS, $log_per_write log sectors per write, mean $(fio_field bench write_mean) us"
}

# compare LABEL MEASURE_ARG...: kernel, dirtylogd, kernel, dirtylogd ... The host's speed changes in the
# meantime, so what counts is the ratio of two that were measured one behind the other. It is reported
# and not judged: on a busy host it says more about the host.
compare() {
	c_label=$1
	shift
	c_kernel='' c_ours='' c_ratios='' c_round=0
	while [ $c_round -lt $ROUNDS ]; do
		say "$c_label: round $((c_round + 1)) of $ROUNDS"
		measure "$c_label" kernel "$@"
		c_kernel="$c_kernel $iops" c_last=$iops
		measure "$c_label" dirtylogd "$@"
		c_ours="$c_ours $iops" c_ratios="$c_ratios $(ratio "$iops" "$c_last")"
		c_round=$((c_round + 1))
	done
	# shellcheck disable=SC2086
	c_kernel=$(median $c_kernel) c_ours=$(median $c_ours) c_ratio=$(median $c_ratios)
	figure "${c_label}_median kernel $c_kernel, dirtylogd $c_ours IOPS; ratios of pairs$c_ratios, median $c_ratio"
}

compare in_sync 8388608 1024 nosync 6
ROUNDS=3
compare resync 1048576 128 sync 4
ROUNDS=1

say "1 Mi regions, then one region"
# 1 Mi regions: what each write costs the log.
measure mi_regions kernel 8388608 8 nosync 6
measure mi_regions dirtylogd 8388608 8 nosync 6
at_most "1 Mi regions: log sectors per write" "$log_per_write" 8

# One region again and again: after its first write, none to the log.
if ! on_kernel_log; then
	wipe "$LOGD" 2
	mk_mirror m dirtylogd 8388608 "$LOGD" 8 "$A" "$B" nosync
	sleep 2
	write_block /dev/mapper/m 5000
	before=$(stat_field "$LOGD" 7)
	fio_run hot --filename=/dev/mapper/m --rw=write --offset=$((5000 * 4096)) --size=4096 --runtime=8 --time_based
	after=$(stat_field "$LOGD" 7)
	figure "hot_region $(fio_field hot write_iops) IOPS, $((after - before)) log sectors in 8 s"
	equal "hot region: log sectors" $((after - before)) 0
	rm_mirror m
fi
check "daemon alive" daemon_lives
