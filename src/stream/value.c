#include "stream/value.h"

#include "stream/json.h"

#include <math.h>
#include <stdlib.h>

bool kvt_value_is_null(const struct kvt_member *member)
{
    return member->value_length == 4 && memcmp(member->value, "null", 4) == 0;
}

bool kvt_value_is_true(const struct kvt_member *member)
{
    return member->value_length == 4 && memcmp(member->value, "true", 4) == 0;
}

int kvt_value_number(const struct kvt_member *member, double *value, const char *name,
                     struct kvt_error *error)
{
    char text[64], *end;
    if (kvt_value_is_null(member)) {
        *value = NAN;
        return 0;
    }
    if (member->value_length < sizeof text) {
        memcpy(text, member->value, member->value_length);
        text[member->value_length] = '\0';
        if (strchr("-0123456789", text[0]) && text[0]) {
            *value = strtod(text, &end);
            if (*end == '\0' && isfinite(*value))
                return 0;
        }
    }
    return kvt_fail(error, KVT_DATA, "%s is not a number", name);
}

int kvt_value_integer(const struct kvt_member *member, int32_t *value, const char *name,
                      struct kvt_error *error)
{
    double number;
    if (kvt_value_number(member, &number, name, error) != 0)
        return -1;
    if (!(number >= 0 && number < 1e9) || number != floor(number))
        return kvt_fail(error, KVT_DATA, "%s is not a whole number from 0", name);
    *value = (int32_t)number;
    return 0;
}

int kvt_value_name(struct kvt_names *names, const struct kvt_member *member, uint32_t *value,
                   const char *name, struct kvt_error *error)
{
    if (kvt_value_is_null(member)) {
        *value = KVT_NO_NAME;
        return 0;
    }
    if (member->value[0] != '"')
        return kvt_fail(error, KVT_DATA, "%s is not a string", name);
    if (!memchr(member->value, '\\', member->value_length)) {
        *value = kvt_names_intern(names, member->value + 1, member->value_length - 2);
        return 0;
    }
    json_t *text = kvt_json_parse(member->value, member->value_length, NULL, error);
    if (!text)
        return -1;
    *value = kvt_names_intern(names, json_string_value(text), json_string_length(text));
    json_decref(text);
    return 0;
}
