# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: a log device and a leg that fail, and that hang, in three states: a part of ./dev reliability
# disks: a=64M b=64M log=64M spare=64M oa=64M ob=64M olog=64M
# timeout: 500
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # there is no server to take over
# shellcheck source=tests/vm/reliability-cells.sh
. /scenarios/reliability-cells.sh

JUDGE_P99=no # the machine may be busy
reliability_table "log leg0" "eio hung" "in-sync taking-over draining"
