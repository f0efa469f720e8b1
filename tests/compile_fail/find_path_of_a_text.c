/* expect: holdfast: a path needs a JSON column, place.name is none */
/* rows: G19 K4 */
/* A path leads into JSON. */
#include <holdfast.h>

struct place {
	int32_t id;
	const char *name;
	hf_json info;
};
extern const hf_table place_table;

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, place, out, HF_WHERE(HF_JSON_HAS(place, name, "a", 1)));
#else
	return hf_select(s, place, out, HF_WHERE(HF_JSON_HAS(place, info, "a", 1)),
		HF_ORDER(HF_ASC_OF(HF_JSON_GET(place, info, "a"))));
#endif
}
