# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: each fault of a log device and of a leg in each state of a mirror: the table of docs/reliability.md
# disks: a=64M b=64M log=64M spare=64M oa=64M ob=64M olog=64M
# timeout: 3000
# quick: apart
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
# shellcheck source=tests/vm/reliability-cells.sh
. /scenarios/reliability-cells.sh

on_kernel_log && exit 0 # there is no server to take over
reliability_table "${TARGETS-}" "${FAULTS-}" "${STATES-}"
