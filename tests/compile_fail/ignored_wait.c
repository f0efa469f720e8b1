/* expect: unused-result */
/* A wait can end because the time is up. */
#include <holdfast.h>

void settle(hf_future *f);

void settle(hf_future *f)
{
	hf_future_wait_for(f, 100);
}
