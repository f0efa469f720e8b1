/* expect: type 'char \*\*' (is )?not compatible */
/* Text is lent by the result: only const char * may point at it. */
#include <holdfast.h>

hf_status title(hf_row row);

hf_status title(hf_row row)
{
#ifdef MISTAKE
	char *s;
#else
	const char *s;
#endif

	return hf_row_scan(row, HF_TO(&s));
}
