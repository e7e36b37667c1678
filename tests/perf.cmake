unit_test(histogram load m)
unit_test(mirror_script load)
unit_test(runner load)
