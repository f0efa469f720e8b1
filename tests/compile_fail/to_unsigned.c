/* expect: type 'unsigned int \*' (is )?not compatible */
/* SQL has no unsigned integers: read into a wider signed one. */
#include <holdfast.h>

hf_status count(hf_row row);

hf_status count(hf_row row)
{
#ifdef MISTAKE
	unsigned n;
#else
	int64_t n;
#endif

	return hf_row_scan(row, HF_TO(&n));
}
