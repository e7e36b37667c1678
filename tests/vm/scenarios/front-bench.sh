# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the cached log beside the kernel's disk log and dirtylogd alone, interleaved in one boot
# disks: a=512M b=512M logk=64M logd=64M
# needs: module
# timeout: 1200
# quick: apart
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

on_kernel_log && exit 0

SECTORS=1048576
: "${ROUNDS:=3}"
: "${LOAD_SECONDS:=4}"
: "${LOADS:=reads writes hot buffered stream resync}"
: "${DELAY:=0}" # ms that dm-delay adds to each read, write and flush of the legs and the log
SYNC=nosync REGION=1024
KINDS="kernel dirtylogd-flush front-dirtylogd-flush"
start_daemon || exit 1

device() { # NAME: as the class has it
	if [ "$DELAY" = 0 ]; then
		dev "$1"
		return
	fi
	d_disk=$(dev "$1")
	[ -b "/dev/mapper/slow-$1" ] ||
		dmsetup create "slow-$1" --table "0 $(blockdev --getsz "$d_disk") delay $d_disk 0 $DELAY $d_disk 0 $DELAY $d_disk 0 $DELAY"
	echo "/dev/mapper/slow-$1"
}
[ "$DELAY" = 0 ] || modprobe dm-delay
A=$(device a) B=$(device b)
log_of() { case $1 in kernel*) device logk ;; *) device logd ;; esac; }
ratios() { # VALUES VALUES: of each pair, the median
	# Split into numbers.
	# shellcheck disable=SC2046,SC2086
	median $(paste_pairs "$1" "$2" | awk '$2 > 0 { printf "%.2f\n", $1 / $2 }')
}
paste_pairs() {
	echo "$1" | tr ' ' '\n' | grep . >/tmp/first
	echo "$2" | tr ' ' '\n' | grep . >/tmp/second
	paste -d' ' /tmp/first /tmp/second
}

measure() { # KIND FIELD FIO_ARG...: sets iops
	m_kind=$1 m_field=$2
	shift 2
	wipe "$(log_of "$m_kind")" 2
	mk_mirror m "$m_kind" $SECTORS "$(log_of "$m_kind")" "$REGION" "$A" "$B" "$SYNC" || return
	# Until dirtylogd has had its look at the mirror, for which a slow one takes a while.
	[ "$SYNC" = sync ] || sleep $((1 + DELAY / 2))
	fio_run bench --filename=/dev/mapper/m --runtime="$LOAD_SECONDS" --time_based "$@"
	fio_ok bench || fail "$m_kind: fio without an error"
	[ "$SYNC" = nosync ] || ! in_sync m || fail "$m_kind: the resync was over before the writes"
	rm_mirror m
	iops=$(fio_field bench "$m_field")
}

compare() { # LABEL FIELD FIO_ARG...: the kinds one behind the other, again and again
	c_label=$1 c_kernel='' c_core='' c_daemon='' c_front='' c_round=0
	shift
	while [ $c_round -lt "$ROUNDS" ]; do
		for c_kind in $KINDS; do
			measure "$c_kind" "$@"
			case $c_kind in
			kernel) c_kernel="$c_kernel $iops" ;;
			kernel-core) c_core="$c_core $iops" ;;
			front*) c_front="$c_front $iops" ;;
			*) c_daemon="$c_daemon $iops" ;;
			esac
		done
		c_round=$((c_round + 1))
	done
	# shellcheck disable=SC2086
	figure "$c_label: kernel $(median $c_kernel), dirtylogd $(median $c_daemon), front $(median $c_front) IOPS;" \
		"front over kernel $(ratios "$c_front" "$c_kernel"), dirtylogd over kernel $(ratios "$c_daemon" "$c_kernel")" \
		"${c_core:+; kernel core $(median $c_core), front over it $(ratios "$c_front" "$c_core")}"
}

load_reads() {
	for depth in 1 4 16; do
		compare "reads, depth $depth" read_iops --rw=randread --iodepth=$depth
	done
}
load_writes() {
	for depth in 1 4 16; do
		compare "writes, depth $depth" write_iops --rw=randwrite --iodepth=$depth
	done
}
# The kernel's core log writes nothing: no log can be faster.
load_hot() {
	KINDS="$KINDS kernel-core"
	compare "writes to 16 regions, depth 1" write_iops --rw=randwrite --iodepth=1 --size=8m
	KINDS=${KINDS% kernel-core}
}
load_buffered() {
	compare "buffered sequential reads of 256 MiB" read_iops --direct=0 --ioengine=psync --rw=read --size=256m
}
load_stream() {
	KINDS="$KINDS kernel-core" REGION=128
	compare "sequential writes of 64 KiB over clean regions of 64 KiB, depth 1" write_iops --rw=write --bs=64k --iodepth=1
	KINDS=${KINDS% kernel-core} REGION=1024
}
load_resync() {
	SYNC=sync REGION=128
	compare "writes during a resync at full speed, depth 1" write_iops --rw=randwrite --iodepth=1
	REGION=1024
	echo 2 >/sys/module/dm_mirror/parameters/raid1_resync_throttle
	compare "writes during a slow resync, depth 1" write_iops --rw=randwrite --iodepth=1
	compare "writes to the last region during a resync, depth 1" write_iops --rw=randwrite --iodepth=1 \
		--offset=511m --size=1m
	SYNC=nosync
}

for load in $LOADS; do
	"load_$load"
done
check "daemon alive" daemon_lives
