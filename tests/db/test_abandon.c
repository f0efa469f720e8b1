#include "fixture.h"
START_TEST(test_x)
{
}
END_TEST
T_MAIN("x", { "x", test_x, 0 })
