# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: reads, writes and a hot region on three classes of device, with the kernel's logs, ours, and the module's
# before: perf/native_costs
# disks: a=4G b=4G logk=64M logd=64M logf=64M
# timeout: 2700
# quick: apart
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOGK=$(dev logk) LOGD=$(dev logd) LOGF=$(dev logf)
SECTORS=8388608
LOG_SECTORS=2048
# MS[:FLUSH_MS]: what dm-delay adds to each read and write, and to each flush, of both legs and of the log.
# Its timer counts jiffies, and one more: on Debian's 6.1 (HZ=250) the shortest delay is 4 ms and takes 8.
DELAYS=${DELAYS:-0 4:0 8}
ROUNDS=${ROUNDS:-5}
LOAD_SECONDS=${LOAD_SECONDS:-3}
LOADS=${LOADS:-randwrite:1 randread:1 randwrite:4 randread:4 randwrite:16 randread:16 hot:1}

# Only with the module.
FRONT_DISK='' FRONT_CORE=''
modprobe -q dm-log-cached && FRONT_DISK=front-dirtylogd-flush FRONT_CORE=front-dirtylogd-core

# A log without a device is the same in each class.
kinds_of() { # MS
	kinds="kernel dirtylogd $FRONT_DISK"
	[ "$1" != 0 ] || kinds="$kinds kernel-core dirtylogd-core $FRONT_CORE"
	# Split into words.
	# shellcheck disable=SC2086
	echo $kinds
}
name_of() { # KIND
	case $1 in
	*-core) name_type=core ;;
	*) name_type=disk ;;
	esac
	echo "${1%%-*} $name_type"
}
rival_of() { case $1 in *-core) echo kernel-core ;; *) echo kernel ;; esac; }

# --- the devices of a class

# slow NAME DISK START SECTORS MS FLUSH_MS
slow() {
	if [ "$5" = 0 ]; then
		dmsetup create "$1" --table "0 $4 linear $2 $3"
	else
		dmsetup create "$1" --table "0 $4 delay $2 $3 $5 $2 $3 $5 $2 $3 $6"
	fi
}

make_class() { # NUMBER MS FLUSH_MS
	slow "a$2" "$A" 0 $SECTORS "$2" "$3"
	slow "b$2" "$B" 0 $SECTORS "$2" "$3"
	slow "logk$2" "$LOGK" $(($1 * LOG_SECTORS)) $LOG_SECTORS "$2" "$3"
	slow "logd$2" "$LOGD" $(($1 * LOG_SECTORS)) $LOG_SECTORS "$2" "$3"
	slow "logf$2" "$LOGF" $(($1 * LOG_SECTORS)) $LOG_SECTORS "$2" "$3"
	fio_run durable --filename="/dev/mapper/logd$2" --rw=randwrite --ioengine=psync --sync=dsync \
		--runtime="$LOAD_SECONDS" --time_based
	figure "class $2 ms, flush $3 ms: durable write $(fio_field durable write_p50) us"
	for c_kind in $(kinds_of "$2"); do
		case $c_kind in
		kernel*) c_log=/dev/mapper/logk$2 ;;
		front*) c_log=/dev/mapper/logf$2 ;;
		*) c_log=/dev/mapper/logd$2 ;;
		esac
		wipe "$c_log"
		mk_mirror "$c_kind$2" "$c_kind" $SECTORS "$c_log" 1024 "/dev/mapper/a$2" "/dev/mapper/b$2" nosync ||
			exit 1
	done
}

# --- the loads

# run_load MS LOAD DEPTH KIND: one more line "IOPS MEAN_US" in the results.
run_load() {
	r_mirror=$4$1 r_rw=$2 r_what="$1 ms, $2 depth $3, $(name_of "$4")"
	set -- "/tmp/result.$1.$2.$3.$4" --iodepth="$3" --randseed="$3"
	# One region of 512 KiB.
	[ "$r_rw" != hot ] || set -- "$@" --offset=1g --size=512k
	r_result=$1
	shift
	[ "$r_rw" != hot ] || r_rw=randwrite
	fio_run class --filename="/dev/mapper/$r_mirror" --rw="$r_rw" --runtime="$LOAD_SECONDS" --time_based "$@"
	fio_ok class || fail "$r_what: fio without an error"
	echo "$(fio_field class "${r_rw#rand}_iops") $(fio_field class "${r_rw#rand}_mean")" >>"$r_result"
	# What is still to be cleared is written now: it must not fall into another log's turn, nor
	# spare the next load its marks.
	[ "$r_rw" = randread ] || { dmsetup suspend "$r_mirror" && dmsetup resume "$r_mirror"; }
}

# Logs of a type are measured one behind the other, in every second round the other way round.
turns() { # MS
	if [ $((round % 2)) = 1 ]; then
		kinds_of "$1"
	else
		kinds_of "$1" | tr ' ' '\n' | tac
	fi
}

# --- the report

column() { cut -d' ' -f"$1" "$2"; }
# shellcheck disable=SC2046
middle() { median $(column "$@"); }
range() { column "$@" | sort -n | awk 'NR == 1 { low = $1 } END { print low "-" $1 }'; }

report() { # MS LOAD DEPTH KIND
	t_ours=/tmp/result.$1.$2.$3.$4 t_theirs=/tmp/result.$1.$2.$3.$(rival_of "$4")
	awk 'NR == FNR { n[FNR] = $1; next }
		{ printf "%.2f\n", n[FNR] ? $1 / n[FNR] : 0 }' "$t_theirs" "$t_ours" >/tmp/ratios
	figure "class $1 ms, $2 depth $3, $(name_of "$4"): $(middle 1 "$t_ours") IOPS ($(range 1 "$t_ours"))," \
		"mean $(middle 2 "$t_ours") us, ratio $(middle 1 /tmp/ratios) ($(range 1 /tmp/ratios))"
}

# Reported only: a busy host turns each of these ratios.
if ! on_kernel_log; then
	dirtylog-load --spawn --workload in_sync --quiet >/tmp/load.out 2>/tmp/load.log
	figure "guest: round trip $(awk '$1 == "dirtylogd" && $2 == "in_sync" { print $4 }' /tmp/load.out) us"
fi
modprobe dm-delay
start_daemon || exit 1
number=0
for delay in $DELAYS; do
	make_class $number "${delay%:*}" "${delay#*:}"
	number=$((number + 1))
done
DELAYS=$(echo "$DELAYS" | sed 's/:[0-9]*//g')
# dirtylogd's look at each mirror settles what the kernel believes.
sleep 3

round=1
while [ $round -le "$ROUNDS" ]; do
	for delay in $DELAYS; do
		say "round $round of $ROUNDS, $delay ms"
		for load in $LOADS; do
			for kind in $(turns "$delay"); do
				run_load "$delay" "${load%:*}" "${load#*:}" "$kind"
			done
		done
	done
	round=$((round + 1))
done
for delay in $DELAYS; do
	for load in $LOADS; do
		for kind in $(kinds_of "$delay"); do
			report "$delay" "${load%:*}" "${load#*:}" "$kind"
		done
	done
done
check "daemon alive" daemon_lives
