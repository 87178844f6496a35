#include "http/chunk.h"

#include "core/utf8.h"

#include <string.h>

/*
 * A reader of a subset of JSON: every function advances `at` past what it accepts, and sets `other`
 * when it meets anything else. What is accepted means the same to a full parser (test_answer
 * compares them).
 */
struct reader {
    const char *at, *end;
    bool other;
    unsigned char high; /* all bytes of strings, ORed: above 0x7f there is more than ASCII */
    struct kvt_buffer *text;
};

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
        reader->at++;
}

/* Takes one byte after blanks, if it is this one. */
static bool take(struct reader *reader, char byte)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static void expect(struct reader *reader, char byte)
{
    if (reader->other || !take(reader, byte))
        reader->other = true;
}

static void read_null(struct reader *reader)
{
    skip_blanks(reader);
    if (reader->end - reader->at >= 4 && memcmp(reader->at, "null", 4) == 0)
        reader->at += 4;
    else
        reader->other = true;
}

static void read_digits(struct reader *reader)
{
    skip_blanks(reader);
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    if (reader->at == start || (*start == '0' && reader->at - start > 1) || reader->at - start > 15)
        reader->other = true;
}

/* First byte that ends a plain stretch of a string: a quote, a backslash, a control byte; or the
 * end. */
static const char *plain_end(struct reader *reader)
{
    const char *at = reader->at, *end = reader->end;
    unsigned char high = 0;
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\' || c < 0x20)
            break;
        high |= c;
    }
    reader->high |= high;
    return at;
}

/* A string; its text goes to `out` (NULL: nowhere). Only one-letter escapes are read. */
static void read_string(struct reader *reader, struct kvt_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    expect(reader, '"');
    while (!reader->other) {
        const char *stop = plain_end(reader);
        if (out)
            kvt_buffer_append(out, reader->at, (size_t)(stop - reader->at));
        reader->at = stop;
        if (stop == reader->end || *stop != '\\')
            break;
        const char *letter = stop + 1 < reader->end && stop[1] ? strchr(letters, stop[1]) : NULL;
        if (!letter)
            reader->other = true;
        else if (out)
            kvt_buffer_byte(out, bytes[letter - letters]);
        reader->at += 2;
    }
    /* No blanks are skipped here: a control byte before the quote is part of the string. */
    if (reader->other || reader->at >= reader->end || *reader->at != '"')
        reader->other = true;
    else
        reader->at++;
}

static void read_string_or_null(struct reader *reader, struct kvt_buffer *out)
{
    skip_blanks(reader);
    if (reader->at < reader->end && *reader->at == 'n')
        read_null(reader);
    else
        read_string(reader, out);
}

struct key {
    const char *text;
    size_t length;
};

static bool is_key(const struct key *key, const char *name)
{
    return strlen(name) == key->length && memcmp(key->text, name, key->length) == 0;
}

/* Reads one key and its colon. A key with an escape in it matches no name, and is left to the
 * parser. */
static void read_key(struct reader *reader, struct key *key)
{
    skip_blanks(reader);
    const char *start = reader->at;
    read_string(reader, NULL);
    if (reader->other)
        return;
    *key = (struct key){start + 1, (size_t)(reader->at - start - 2)};
    if (memchr(key->text, '\\', key->length))
        reader->other = true;
    expect(reader, ':');
}

static void read_delta(struct reader *reader, struct key *key)
{
    expect(reader, '{');
    for (bool first = true; !reader->other && !take(reader, '}'); first = false) {
        if (!first)
            expect(reader, ',');
        read_key(reader, key);
        if (reader->other)
            return;
        if (is_key(key, "content"))
            read_string_or_null(reader, reader->text);
        else if (is_key(key, "role"))
            read_string_or_null(reader, NULL);
        else
            read_null(reader);
    }
}

static void read_index(struct reader *reader)
{
    skip_blanks(reader);
    const char *start = reader->at;
    read_digits(reader);
    if (reader->at - start != 1 || *start != '0')
        reader->other = true; /* another choice */
}

static void read_choice(struct reader *reader, struct key *key)
{
    bool has_text = false;
    expect(reader, '{');
    for (bool first = true; !reader->other && !take(reader, '}'); first = false) {
        if (!first)
            expect(reader, ',');
        read_key(reader, key);
        if (reader->other)
            return;
        bool delta = is_key(key, "delta"), text = is_key(key, "text");
        if ((delta || text) && has_text)
            reader->other = true; /* twice: a parser would take one of them */
        else if (delta)
            read_delta(reader, key);
        else if (text)
            read_string(reader, reader->text);
        else if (is_key(key, "index"))
            read_index(reader);
        else
            read_null(reader);
        has_text = has_text || delta || text;
    }
}

static void read_chunk(struct reader *reader, struct key *key)
{
    static const char *const strings[] = {"id",           "object", "model", "system_fingerprint",
                                          "service_tier", NULL};
    bool has_choices = false;
    expect(reader, '{');
    for (bool first = true; !reader->other && !take(reader, '}'); first = false) {
        if (!first)
            expect(reader, ',');
        read_key(reader, key);
        if (reader->other)
            return;
        size_t i = 0;
        while (strings[i] && !is_key(key, strings[i]))
            i++;
        if (strings[i]) {
            read_string_or_null(reader, NULL);
        } else if (is_key(key, "created")) {
            read_digits(reader);
        } else if (is_key(key, "choices") && !has_choices) {
            has_choices = true;
            expect(reader, '[');
            read_choice(reader, key);
            expect(reader, ']');
        } else {
            read_null(reader);
        }
    }
    skip_blanks(reader);
    if (!has_choices || reader->at != reader->end)
        reader->other = true;
}

bool kvt_chunk_read(const char *data, size_t length, struct kvt_buffer *text)
{
    struct key key;
    size_t before = text->length;
    struct reader reader = {.at = data, .end = data + length, .text = text};
    read_chunk(&reader, &key);
    if (!reader.other && (reader.high < 0x80 || kvt_utf8_valid(data, length) == length))
        return true;
    text->length = before;
    if (text->data)
        text->data[before] = '\0';
    return false;
}
