#include "engine/api_field.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

int kvt_api_fail(struct kvt_api_error *error, int status, const char *type, const char *param,
                 const char *format, ...)
{
    *error = (struct kvt_api_error){.status = status};
    snprintf(error->type, sizeof error->type, "%s", type);
    snprintf(error->param, sizeof error->param, "%s", param ? param : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return -1;
}

json_t *kvt_field_body(const char *body, size_t length, struct kvt_api_error *error)
{
    struct kvt_error reason;
    json_t *tree = kvt_json_parse(body, length, NULL, &reason);
    if (tree && json_is_object(tree))
        return tree;
    kvt_api_fail(error, 400, KVT_BAD_REQUEST, NULL, "the body is not a JSON object%s%s",
                 tree ? "" : ": ", tree ? "" : reason.text);
    json_decref(tree);
    return NULL;
}

int kvt_field_number(const json_t *body, const char *name, double lowest, double highest,
                     double *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    double number = json_number_value(member);
    if (!json_is_number(member) || !(number >= lowest && number <= highest))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, name, "%s must be a number from %g to %g",
                            name, lowest, highest);
    *value = number;
    return 0;
}

int kvt_field_integer(const json_t *body, const char *name, long long lowest, long long highest,
                      long long *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    double real = json_is_real(member) ? json_real_value(member) : 0;
    bool whole = json_is_integer(member) ||
                 (json_is_real(member) && real == floor(real) && fabs(real) < 9e15);
    long long number = json_is_integer(member) ? json_integer_value(member)
                       : whole                 ? (long long)real
                                               : 0;
    if (!whole || number < lowest || number > highest)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, name,
                            "%s must be a whole number from %lld to %lld", name, lowest, highest);
    *value = number;
    return 0;
}

int kvt_field_bool(const json_t *body, const char *name, bool *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    if (!json_is_boolean(member))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, name, "%s must be true or false", name);
    *value = json_is_true(member);
    return 0;
}
