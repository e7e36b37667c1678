unit_test(wire dirtylog_core)
unit_test(ctr_args dirtylog_core)
unit_test(dirty_log dirtylog_core)
