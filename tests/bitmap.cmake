unit_test(bit_tree bitmap)
unit_test(region_bitmap bitmap)
unit_test(log_image bitmap)
fuzzer(image bitmap)
