/* expect: holdfast: the C type of person.mood does not fit NOT_NULL ENUM\(mood\) */
/* rows: K4 */
/* A member of another enum. */
#include <holdfast.h>

enum mood { MOOD_SAD, MOOD_OK };
enum sex { SEX_MALE, SEX_FEMALE };

struct person {
	int32_t id;
#ifdef MISTAKE
	enum sex mood;
#else
	enum mood mood;
#endif
};

extern const hf_labels mood_labels;
extern const hf_table person_table;
HF_ENUM(mood, "mood", [MOOD_SAD] = "sad", [MOOD_OK] = "ok");
static const hf_column person_columns[] = {
	HF_COLUMN(person, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(person, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
};
HF_TABLE(person, .name = "person");
