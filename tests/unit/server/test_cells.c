/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Letters of cells, and how many of them there are. */
#include "server/ctl/cells.h"

#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

static void expect(const char *answer, const char *letters)
{
	json_t *json = json_loads(answer, 0, NULL);
	char *drawn;

	cr_assert_not_null(json, "%s", answer);
	drawn = cells_draw(json);
	if (letters)
		cr_assert_str_eq(drawn ? drawn : "", letters);
	else
		cr_assert_null(drawn, "%s", drawn);
	free(drawn);
	json_decref(json);
}

Test(cells, a_region_each)
{
	expect("{\"regions\": 5, \"cells\": 5, \"runs\": [[2,0,0],[1,0,1],[2,1,0]]}", "..DOO");
}

Test(cells, the_worst_region_of_a_group_counts)
{
	expect("{\"regions\": 50, \"cells\": 5, "
	       "\"runs\": [[1,0,0],[1,0,1],[1,0,10],[1,1,9],[1,10,0]]}",
	       ".dDoO");
}

/* 7 regions in 3 cells: 2, 2 and 3. */
Test(cells, groups_need_not_be_equal)
{
	expect("{\"regions\": 7, \"cells\": 3, \"runs\": [[3,2,0]]}", "OOo");
}

Test(cells, the_region_being_recovered_stands_out)
{
	expect("{\"regions\": 4, \"cells\": 4, \"recovering\": 3, \"runs\": [[4,1,0]]}", "OOO>");
	expect("{\"regions\": 7, \"cells\": 3, \"recovering\": 4, \"runs\": [[3,2,0]]}", "OO>");
	expect("{\"regions\": 7, \"cells\": 3, \"recovering\": 3, \"runs\": [[3,2,0]]}", "O>o");
	expect("{\"regions\": 7, \"cells\": 3, \"recovering\": 7, \"runs\": [[3,2,0]]}", "OOo");
}

Test(cells, very_many_regions)
{
	expect("{\"regions\": 4611686018427387904, \"cells\": 2, \"recovering\": "
	       "4611686018427387903, "
	       "\"runs\": [[2,1,0]]}",
	       "o>");
}

Test(cells, what_is_no_picture_is_not_drawn)
{
	expect("{}", NULL);
	expect("{\"regions\": 4, \"cells\": 0, \"runs\": []}", NULL);
	expect("{\"regions\": 4, \"cells\": 5, \"runs\": [[5,0,0]]}", NULL);
	expect("{\"regions\": 40000, \"cells\": 10000, \"runs\": [[10000,0,0]]}", NULL);
	expect("{\"regions\": 4, \"cells\": 4, \"runs\": [[3,0,0]]}", NULL);
	expect("{\"regions\": 4, \"cells\": 4, \"runs\": [[5,0,0]]}", NULL);
	expect("{\"regions\": 4, \"cells\": 4, \"runs\": [\"x\", [-1,0,0]]}", NULL);
}

Test(cells, no_more_than_fit_and_no_more_than_there_are)
{
	cr_assert_eq(cells_fitting(1000000, 80, 18, 8192), 1440);
	cr_assert_eq(cells_fitting(1000000, 400, 100, 8192), 8192);
	cr_assert_eq(cells_fitting(20, 80, 18, 8192), 20);
	cr_assert_eq(cells_fitting(20, 0, 18, 8192), 1);
}
