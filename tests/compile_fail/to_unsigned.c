/* expect: type 'unsigned int \*' (is )?not compatible */
/* SQL has no unsigned integers: read into a wider signed one. */
#include <holdfast.h>

hf_status count(hf_row row, unsigned *n);

hf_status count(hf_row row, unsigned *n)
{
	return hf_row_scan(row, HF_TO(n));
}
