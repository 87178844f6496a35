#include "http/journal.h"

#include "stream/reader.h"
#include "core/memory.h"
#include "core/sha256.h"
#include "stream/json.h"
#include "stream/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Identities are 256-bit hashes; half of one, hashed with the kind, is enough to tell records apart
 * (a collision among 10^9 records has probability 10^-21), and keeps a slot at 32 bytes.
 */
struct kvt_journal_slot {
    uint64_t key[2]; /* {0, 0}: free */
    uint64_t offset;
    uint64_t length; /* without newline */
};

static void key_of(const char *kind, const char *id, uint64_t key[2])
{
    struct kvt_sha256 hash;
    unsigned char digest[32];
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, kind);
    kvt_sha256_field(&hash, id);
    kvt_sha256_finish(&hash, digest);
    memcpy(key, digest, 2 * sizeof *key);
    key[0] |= 1; /* never the free key */
}

/* The slot of a key, or the free slot where it belongs. */
static struct kvt_journal_slot *slot_of(const struct kvt_journal *journal, const uint64_t key[2])
{
    size_t mask = journal->n_slots - 1;
    for (size_t i = (size_t)key[1] & mask;; i = (i + 1) & mask) {
        struct kvt_journal_slot *slot = &journal->slots[i];
        if (slot->key[0] == 0 || (slot->key[0] == key[0] && slot->key[1] == key[1]))
            return slot;
    }
}

static void grow_index(struct kvt_journal *journal)
{
    if (2 * (journal->n_used + 1) <= journal->n_slots)
        return;
    struct kvt_journal old = *journal;
    journal->n_slots = old.n_slots ? 2 * old.n_slots : 256;
    journal->slots = kvt_alloc_zero(journal->n_slots, sizeof *journal->slots);
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].key[0])
            *slot_of(journal, old.slots[i].key) = old.slots[i];
    free(old.slots);
}

static void index_record(struct kvt_journal *journal, const char *kind, const char *id,
                         uint64_t offset, uint64_t length)
{
    grow_index(journal);
    uint64_t key[2];
    key_of(kind, id, key);
    struct kvt_journal_slot *slot = slot_of(journal, key);
    if (slot->key[0] == 0)
        journal->n_used++;
    *slot = (struct kvt_journal_slot){{key[0], key[1]}, offset, length};
    journal->n_records++;
}

/* The member that identifies a record of this kind. */
static const char *identity_of(const char *kind)
{
    if (strcmp(kind, "response") == 0)
        return "request_id";
    if (strcmp(kind, "run") == 0)
        return "run_id";
    if (strcmp(kind, "preflight") == 0)
        return "probe_id";
    return NULL;
}

static int take_line(struct kvt_journal *journal, const char *line, size_t length, uint64_t offset,
                     size_t number, struct kvt_error *error)
{
    char kind[32], id[128];
    const char *member_name;
    struct kvt_member member;
    struct kvt_error why;
    int found = kvt_scan_kind(line, length, kind, sizeof kind);
    json_t *value = found == 1 ? kvt_json_parse(line, length, NULL, &why) : NULL;
    bool good = value && (member_name = identity_of(kind)) != NULL &&
                kvt_scan_find(line, length, member_name, &member) && member.value_length >= 3 &&
                member.value_length - 2 < sizeof id && member.value[0] == '"';
    json_decref(value);
    if (!good)
        return kvt_fail(
            error, KVT_DATA,
            "%s:%zu: no record of a journal (run, response or preflight). Is this another "
            "file? If the line was damaged, remove it or leave it out with --skip-bad; its request "
            "is asked again",
            journal->path, number);
    memcpy(id, member.value + 1, member.value_length - 2);
    id[member.value_length - 2] = '\0';
    index_record(journal, kind, id, offset, length);
    return 0;
}

static int read_failed(const struct kvt_journal *journal, struct kvt_error *error)
{
    return kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", journal->path, strerror(errno));
}

/* Reads the whole file once, line by line; *end is the offset behind the last complete line. */
static int load(struct kvt_journal *journal, bool skip_bad, uint64_t *end, struct kvt_error *error)
{
    enum { CHUNK = 1 << 16 };
    struct kvt_buffer text = {0};
    size_t scanned = 0, number = 0, n_bad = 0, first_bad = 0;
    int status = 0;
    *end = 0;
    for (;;) {
        kvt_buffer_reserve(&text, CHUNK);
        ssize_t got = read(journal->descriptor, text.data + text.length, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = read_failed(journal, error);
        if (got <= 0)
            break;
        text.length += (size_t)got;
        size_t start = 0;
        char *newline;
        while (status == 0 &&
               (newline = memchr(text.data + scanned, '\n', text.length - scanned))) {
            size_t stop = (size_t)(newline - text.data);
            status = take_line(journal, text.data + start, stop - start, *end, ++number, error);
            if (status != 0 && skip_bad) {
                status = 0;
                first_bad = n_bad++ ? first_bad : number;
            }
            *end += stop - start + 1;
            start = scanned = stop + 1;
        }
        if (status != 0)
            break;
        kvt_buffer_drop(&text, start);
        scanned = text.length;
    }
    if (n_bad)
        kvt_say("%s:%zu: no record of a journal; %zu such line%s left out", journal->path,
                first_bad, n_bad, n_bad == 1 ? " is" : "s are");
    journal->size = *end + text.length;
    kvt_buffer_free(&text);
    return status;
}

int kvt_journal_open(struct kvt_journal *journal, const char *path, bool read_only, bool skip_bad,
                     struct kvt_error *error)
{
    *journal = (struct kvt_journal){.path = path, .descriptor = -1};
    if (!path)
        return 0;
    if (strcmp(path, "-") == 0)
        return kvt_fail(error, KVT_USAGE, "a journal is a file, not standard input or output");
    int flags = read_only ? O_RDONLY : O_RDWR | O_CREAT | O_APPEND;
    journal->descriptor = open(path, flags | O_CLOEXEC, 0666);
    if (journal->descriptor < 0)
        return kvt_fail(error, KVT_SYSTEM, "cannot open the journal %s: %s", path, strerror(errno));
    uint64_t end;
    struct stat status;
    if (fstat(journal->descriptor, &status) == 0 && !S_ISREG(status.st_mode)) {
        kvt_fail(error, KVT_SYSTEM, "the journal %s is no regular file", path);
    } else if (!read_only && flock(journal->descriptor, LOCK_EX | LOCK_NB) != 0) {
        kvt_fail(error, KVT_SYSTEM,
                 errno == EWOULDBLOCK
                     ? "another kvt-infer writes to the journal %s; wait for it or stop it"
                     : "cannot lock the journal %s",
                 path);
    } else if (load(journal, skip_bad, &end, error) == 0) {
        if (end < journal->size) {
            kvt_say("%s: the last line is incomplete (%llu bytes); it is left out", path,
                    (unsigned long long)(journal->size - end));
            if (!read_only && ftruncate(journal->descriptor, (off_t)end) != 0) {
                kvt_fail(error, KVT_SYSTEM, "cannot shorten %s: %s", path, strerror(errno));
                goto fail;
            }
            journal->size = end;
        }
        kvt_appender_open(&journal->appender, journal->descriptor, path, end);
        return 0;
    }
fail:
    close(journal->descriptor);
    journal->descriptor = -1;
    free(journal->slots);
    journal->slots = NULL;
    return -1;
}

int kvt_journal_find(struct kvt_journal *journal, const char *kind, const char *id,
                     struct kvt_buffer *record, struct kvt_error *error)
{
    if (journal->n_slots == 0)
        return 0;
    uint64_t key[2];
    key_of(kind, id, key);
    const struct kvt_journal_slot *slot = slot_of(journal, key);
    if (slot->key[0] == 0)
        return 0;
    kvt_buffer_clear(record);
    if (kvt_appender_held(&journal->appender, slot->offset, (size_t)slot->length, record))
        return 1;
    kvt_buffer_reserve(record, (size_t)slot->length);
    while (record->length < slot->length) {
        ssize_t got =
            pread(journal->descriptor, record->data + record->length,
                  (size_t)slot->length - record->length, (off_t)(slot->offset + record->length));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0)
                errno = EIO; /* shorter than when it was opened */
            return read_failed(journal, error);
        }
        record->length += (size_t)got;
    }
    record->data[record->length] = '\0';
    return 1;
}

void kvt_journal_append(struct kvt_journal *journal, const char *kind, const char *id,
                        const struct kvt_buffer *record)
{
    if (journal->descriptor < 0)
        return;
    kvt_appender_add(&journal->appender, record->data, record->length);
    kvt_appender_add(&journal->appender, "\n", 1);
    index_record(journal, kind, id, journal->size, record->length);
    journal->size += record->length + 1;
}

int kvt_journal_start_sync(struct kvt_journal *journal, struct kvt_error *error)
{
    return journal->descriptor < 0 ? 0 : kvt_appender_start_sync(&journal->appender, error);
}

void kvt_journal_on_sync(struct kvt_journal *journal, void (*wake)(void *context), void *context)
{
    if (journal->descriptor >= 0)
        kvt_appender_on_sync(&journal->appender, wake, context);
}

uint64_t kvt_journal_synced(struct kvt_journal *journal)
{
    if (journal->descriptor < 0)
        return UINT64_MAX; /* nothing to wait for */
    return kvt_appender_synced(&journal->appender);
}

int kvt_journal_check(struct kvt_journal *journal, struct kvt_error *error)
{
    return journal->descriptor < 0 ? 0 : kvt_appender_check(&journal->appender, error);
}

int kvt_journal_sync(struct kvt_journal *journal, struct kvt_error *error)
{
    return journal->descriptor < 0 ? 0 : kvt_appender_sync(&journal->appender, error);
}

int kvt_journal_close(struct kvt_journal *journal, struct kvt_error *error)
{
    int status = 0;
    if (journal->descriptor >= 0) {
        status = kvt_appender_close(&journal->appender, error);
        if (close(journal->descriptor) != 0 && status == 0)
            status = kvt_fail(error, KVT_SYSTEM, "cannot close the journal %s: %s", journal->path,
                              strerror(errno));
    }
    free(journal->slots);
    *journal = (struct kvt_journal){.descriptor = -1};
    return status;
}

int kvt_journal_first(const char *path, const char *kind, struct kvt_buffer *record,
                      struct kvt_error *error)
{
    char *files[] = {(char *)(uintptr_t)path, NULL};
    struct kvt_reader reader;
    struct kvt_line line;
    int status;
    kvt_reader_open(&reader, files, 1);
    while ((status = kvt_reader_next(&reader, &line, error)) > 0) {
        if (kvt_scan_kind(line.data, line.length, line.kind, sizeof line.kind) != 1 ||
            strcmp(line.kind, kind) != 0)
            continue;
        kvt_buffer_clear(record);
        kvt_buffer_append(record, line.data, line.length);
        break;
    }
    kvt_reader_close(&reader);
    return status;
}
