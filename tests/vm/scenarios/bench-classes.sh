# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: reads and writes at depths 1, 4 and 16 on four logs, interleaved in one boot
# disks: a=4G b=4G logk=64M logd=64M
# timeout: 600
# quick: no
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOGK=$(dev logk) LOGD=$(dev logd)
ROUNDS=3
LOAD_SECONDS=4
DEPTHS="1 4 16"
LOADS="randread randwrite"
KINDS="kernel dirtylogd kernel-core dirtylogd-core"
start_daemon || exit 1

log_of() { case $1 in kernel*) echo "$LOGK" ;; *) echo "$LOGD" ;; esac; }
name_of() { case $1 in *-core) echo "${1%-core} core" ;; *) echo "$1 disk" ;; esac; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f\n", a / b; else print 0 }'; }

# run_load KIND LOAD DEPTH: on the mirror m; one more line "IOPS MEAN_US" in the results.
run_load() {
	# The same blocks for each log, others at each depth: what one load left dirty for the
	# clear delay would spare the next its marks.
	fio_run depths --filename=/dev/mapper/m --rw="$2" --iodepth="$3" --randseed="$3" \
		--runtime=$LOAD_SECONDS --time_based
	fio_ok depths || fail "$(name_of "$1"), depth $3 $2: fio without an error"
	echo "$(fio_field depths "${2#rand}_iops") $(fio_field depths "${2#rand}_mean")" \
		>>"/tmp/result.$1.$2.$3"
}

# A load of reads lies between two of writes, nearly as long as the clear delay.
measure() { # KIND
	wipe "$(log_of "$1")" 2
	mk_mirror m "$1" 8388608 "$(log_of "$1")" 1024 "$A" "$B" nosync || return
	# dirtylogd's look at the mirror settles what the kernel believes.
	sleep 2
	for m_depth in $DEPTHS; do
		for m_load in $LOADS; do
			run_load "$1" "$m_load" "$m_depth"
		done
	done
	rm_mirror m
}

# column KIND LOAD DEPTH FIELD: of all rounds
column() { cut -d' ' -f"$4" "/tmp/result.$1.$2.$3"; }
# shellcheck disable=SC2046
middle() { median $(column "$@"); }
range() { column "$@" | sort -n | awk 'NR == 1 { low = $1 } END { print low "-" $1 }'; }

# each_log COMMAND ARG...: "kernel disk N, dirtylogd disk N, ...", N as COMMAND KIND ARG... says it.
each_log() {
	e_command=$1 e_line=
	shift
	for e_kind in $KINDS; do
		e_line="$e_line, $(name_of "$e_kind") $($e_command "$e_kind" "$@")"
	done
	echo "${e_line#, }"
}

report() { # LOAD DEPTH
	r_disk=$(ratio "$(middle dirtylogd "$@" 1)" "$(middle kernel "$@" 1)")
	r_core=$(ratio "$(middle dirtylogd-core "$@" 1)" "$(middle kernel-core "$@" 1)")
	figure "depth $2 $1: $(each_log middle "$@" 1) IOPS, disk ratio $r_disk, core ratio $r_core"
	figure "depth $2 $1: from $(each_log range "$@" 1) IOPS"
	figure "depth $2 $1: mean latency $(each_log middle "$@" 2) us"
}

# Reported only: reads ask a userspace log, not the kernel's, and a busy host turns the ratio of writes.
round=0
while [ $round -lt $ROUNDS ]; do
	for kind in $KINDS; do
		measure "$kind"
	done
	round=$((round + 1))
done
for load in $LOADS; do
	for depth in $DEPTHS; do
		report "$load" "$depth"
	done
done
check "daemon alive" daemon_lives
