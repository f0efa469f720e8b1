/* expect: unused-result */
/* A wait can end because the time is up. */
#include <holdfast.h>

void settle(hf_future *f);

void settle(hf_future *f)
{
#ifdef MISTAKE
	hf_future_wait_for(f, 100);
#else
	if (hf_future_wait_for(f, 100) != HF_OK)
		hf_future_cancel(f);
#endif
}
