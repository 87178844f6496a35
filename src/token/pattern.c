#include "token/pattern.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "token/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

struct kvt_regex {
    pcre2_code *code; /* NULL for a literal */
    char *literal;
    size_t literal_length;
};

/* A pattern being rewritten from the reference library's reading to PCRE2's. */
struct rewriting {
    const char *at;
    struct kvt_buffer out;
    int class_depth; /* inside [...] */
    struct kvt_error *error;
};

static int refuse(struct rewriting *rewriting, const char *what)
{
    return kvt_fail(
        rewriting->error, KVT_DATA,
        "the split pattern uses %s, which the regular expression libraries read differently", what);
}

/* \p{Name} and \P{Name}: a script is the script itself, not its extensions. */
static int rewrite_property(struct rewriting *rewriting)
{
    const char *at = rewriting->at; /* at the backslash */
    if (at[2] != '{') {
        kvt_buffer_append(&rewriting->out, at, at[2] ? 3 : 2);
        rewriting->at += at[2] ? 3 : 2;
        return 0;
    }
    size_t length = strcspn(at + 3, "}");
    if (at[3 + length] == '\0')
        return refuse(rewriting, "an unfinished \\p{…}");
    const char *name = at + 3;
    bool inverted = *name == '^';
    size_t bare = length - inverted;
    kvt_buffer_append(&rewriting->out, at, 3 + inverted);
    if (bare > 2 && !memchr(name, ':', length) && !memchr(name, '=', length) &&
        strncmp(name, "WSpace", 6) != 0)
        kvt_buffer_text(&rewriting->out, "sc:");
    kvt_buffer_append(&rewriting->out, name + inverted, bare + 1);
    rewriting->at += 4 + length;
    return 0;
}

static int rewrite_escape(struct rewriting *rewriting)
{
    char c = rewriting->at[1];
    switch (c) {
    case '\0':
        return refuse(rewriting, "a trailing backslash");
    case 's':
        kvt_buffer_text(&rewriting->out, "\\p{WSpace}");
        break;
    case 'S':
        kvt_buffer_text(&rewriting->out, "\\P{WSpace}");
        break;
    case 'p':
    case 'P':
        return rewrite_property(rewriting);
    case 'b':
    case 'B':
    case 'w':
    case 'W':
    case 'h':
    case 'H':
    case 'R':
    case 'X':
    case 'K':
    case 'G':
    case 'Z': {
        char what[] = "\\?";
        what[1] = c;
        return refuse(rewriting, what);
    }
    default:
        kvt_buffer_append(&rewriting->out, rewriting->at, 2);
        break;
    }
    rewriting->at += 2;
    return 0;
}

static int rewrite_bracket(struct rewriting *rewriting)
{
    char c = *rewriting->at;
    if (c == '[' && rewriting->class_depth)
        return refuse(rewriting, "a class inside a class");
    rewriting->class_depth = c == '[';
    kvt_buffer_byte(&rewriting->out, c);
    rewriting->at++;
    if (c != '[')
        return 0;
    if (*rewriting->at == '^') {
        kvt_buffer_byte(&rewriting->out, '^');
        rewriting->at++;
    }
    if (*rewriting->at ==
        ']') /* first in a class it is itself to PCRE2 and a mistake to the other */
        return refuse(rewriting, "a class that starts with ]");
    return 0;
}

static int rewrite(struct rewriting *rewriting)
{
    while (*rewriting->at) {
        const char *at = rewriting->at;
        int status = 0;
        if (*at == '\\') {
            status = rewrite_escape(rewriting);
        } else if (*at == '[' || (*at == ']' && rewriting->class_depth)) {
            status = rewrite_bracket(rewriting);
        } else if (rewriting->class_depth && at[0] == '&' && at[1] == '&') {
            status = refuse(rewriting, "&& in a class");
        } else {
            kvt_buffer_byte(&rewriting->out, *at);
            rewriting->at++;
        }
        if (status != 0)
            return -1;
    }
    return 0;
}

struct kvt_regex *kvt_regex_compile(const char *pattern, enum kvt_regex_dialect dialect,
                                    struct kvt_error *error)
{
    struct rewriting rewriting = {.at = pattern, .error = error};
    if (rewrite(&rewriting) != 0) {
        kvt_buffer_free(&rewriting.out);
        return NULL;
    }
    uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF |
                     (dialect == KVT_PATTERN_ONIGURUMA ? PCRE2_MULTILINE : PCRE2_DOLLAR_ENDONLY);
    int code;
    PCRE2_SIZE place;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context)
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)kvt_buffer_string(&rewriting.out),
                                         rewriting.out.length, flags, &code, &place, context);
    pcre2_compile_context_free(context);
    kvt_buffer_free(&rewriting.out);
    if (!compiled) {
        char why[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        kvt_fail(error, KVT_DATA, "the split pattern \"%.200s\" does not compile: %s", pattern,
                 why);
        return NULL;
    }
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* without it the interpreter does the same */
    struct kvt_regex *made = kvt_alloc_zero(1, sizeof *made);
    made->code = compiled;
    return made;
}

struct kvt_regex *kvt_regex_literal(const char *text, size_t length)
{
    struct kvt_regex *made = kvt_alloc_zero(1, sizeof *made);
    made->literal = kvt_strndup(text, length);
    made->literal_length = length;
    return made;
}

bool kvt_regex_is_literal(const struct kvt_regex *pattern, const char *text)
{
    return !pattern->code && strcmp(pattern->literal, text) == 0;
}

void kvt_regex_free(struct kvt_regex *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    free(pattern->literal);
    free(pattern);
}

/* Puts stand-ins for code points newer than the library's tables; false when there are none. */
static bool rewrite_text(struct kvt_regex_search *search, const char *text, size_t length)
{
    bool any = false;
    for (size_t at = 0; at < length;) {
        if ((unsigned char)text[at] < 0xcd) { /* below U+0340 nothing is new */
            at++;
            continue;
        }
        uint32_t cp;
        int width = kvt_utf8_decode(text + at, length - at, &cp);
        uint32_t other = width > 0 ? kvt_unicode_stand_in(cp) : cp;
        if (other != cp) {
            if (!any) {
                kvt_buffer_clear(&search->rewritten);
                kvt_buffer_append(&search->rewritten, text, length);
            }
            any = true;
            kvt_utf8_encode(other, search->rewritten.data + at); /* as many bytes as before */
        }
        at += (size_t)(width < 0 ? -width : width);
    }
    return any;
}

void kvt_regex_start(struct kvt_regex_search *search, const struct kvt_regex *pattern,
                     const char *text, size_t length)
{
    search->pattern = pattern;
    search->length = length;
    search->at = 0;
    search->text =
        pattern->code && rewrite_text(search, text, length) ? search->rewritten.data : text;
}

static int next_literal(struct kvt_regex_search *search, size_t *start, size_t *end)
{
    const struct kvt_regex *pattern = search->pattern;
    if (pattern->literal_length == 0)
        return 0;
    while (search->length - search->at >= pattern->literal_length) {
        const char *found = memchr(search->text + search->at, pattern->literal[0],
                                   search->length - search->at - pattern->literal_length + 1);
        if (!found)
            return 0;
        search->at = (size_t)(found - search->text);
        if (memcmp(found, pattern->literal, pattern->literal_length) == 0) {
            *start = search->at;
            search->at = *end = *start + pattern->literal_length;
            return 1;
        }
        search->at++;
    }
    return 0;
}

/* The machine code's own stack is small; patterns that need more get up to 64 MiB. */
static void prepare(struct kvt_regex_search *search)
{
    if (search->match_data)
        return;
    search->match_data = pcre2_match_data_create(1, NULL);
    search->context = pcre2_match_context_create(NULL);
    search->stack = pcre2_jit_stack_create(64 * 1024, 64 * 1024 * 1024, NULL);
    if (!search->match_data || !search->context || !search->stack)
        kvt_die(KVT_SYSTEM, "out of memory for the split pattern");
    pcre2_jit_stack_assign(search->context, NULL, search->stack);
}

int kvt_regex_next(struct kvt_regex_search *search, size_t *start, size_t *end,
                   struct kvt_error *error)
{
    if (!search->pattern->code)
        return next_literal(search, start, end);
    prepare(search);
    while (search->at <= search->length) {
        int status = pcre2_match(search->pattern->code, (PCRE2_SPTR)search->text, search->length,
                                 search->at, 0, search->match_data, search->context);
        if (status == PCRE2_ERROR_NOMATCH)
            return 0;
        if (status < 0) {
            char why[128];
            pcre2_get_error_message(status, (PCRE2_UCHAR *)why, sizeof why);
            return kvt_fail(error, KVT_DATA, "the split pattern fails at byte %zu: %s", search->at,
                            why);
        }
        const PCRE2_SIZE *places = pcre2_get_ovector_pointer(search->match_data);
        *start = places[0];
        *end = places[1];
        search->at = *end > *start ? *end : *end + 1;
        while (search->at < search->length &&
               ((unsigned char)search->text[search->at] & 0xc0) == 0x80)
            search->at++;
        if (*end > *start)
            return 1;
    }
    return 0;
}

void kvt_regex_end(struct kvt_regex_search *search)
{
    pcre2_match_data_free(search->match_data);
    pcre2_match_context_free(search->context);
    pcre2_jit_stack_free(search->stack);
    kvt_buffer_free(&search->rewritten);
    *search = (struct kvt_regex_search){0};
}
