/* The journal: found again after any stop, torn tails, foreign lines, locks. */
#include "http/journal.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[4096];
static struct kvt_error error;

static void write_file(const char *text)
{
    FILE *file = fopen(path, "wb");
    fwrite(text, 1, strlen(text), file);
    fclose(file);
}

static long file_size(void)
{
    struct stat status;
    return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

static void append(struct kvt_journal *journal, const char *id, const char *text)
{
    struct kvt_buffer record = {0};
    kvt_buffer_printf(&record, "{\"kind\":\"response\",\"request_id\":\"%s\",\"text\":\"%s\"}", id,
                      text);
    kvt_journal_append(journal, "response", id, &record);
    kvt_buffer_free(&record);
}

static const char *find(struct kvt_journal *journal, const char *kind, const char *id)
{
    static struct kvt_buffer record;
    int found = kvt_journal_find(journal, kind, id, &record, &error);
    return found == 1 ? record.data : found == 0 ? "absent" : error.text;
}

static void test_round_trip(void)
{
    struct kvt_journal journal;
    unlink(path);
    ok(kvt_journal_open(&journal, path, false, false, &error) == 0, "a new journal");
    for (int i = 0; i < 3000; i++) {
        char id[16];
        snprintf(id, sizeof id, "id-%d", i);
        append(&journal, id, "x");
    }
    append(&journal, "id-7", "again");
    is_text(find(&journal, "response", "id-7"),
            "{\"kind\":\"response\",\"request_id\":\"id-7\",\"text\":\"again\"}",
            "of two records the last counts");
    is_text(find(&journal, "run", "id-7"), "absent", "kinds are apart");
    ok(kvt_journal_synced(&journal) < journal.size, "not yet on disk");
    kvt_journal_sync(&journal, &error);
    ok(kvt_journal_synced(&journal) == journal.size, "on disk");
    is_int(journal.size, file_size(), "all of it");
    kvt_journal_close(&journal, &error);

    ok(kvt_journal_open(&journal, path, false, false, &error) == 0, "opened again");
    is_int(journal.n_records, 3001, "with all records");
    is_text(find(&journal, "response", "id-2999"),
            "{\"kind\":\"response\",\"request_id\":\"id-2999\",\"text\":\"x\"}",
            "the last one is there");
    is_text(find(&journal, "response", "id-7"),
            "{\"kind\":\"response\",\"request_id\":\"id-7\",\"text\":\"again\"}",
            "and the later of two");
    is_text(find(&journal, "response", "id-3000"), "absent", "and no other");

    pid_t child = fork();
    if (child == 0) {
        struct kvt_journal second;
        _exit(kvt_journal_open(&second, path, false, false, &error) == -1 &&
                      error.code == KVT_SYSTEM && strstr(error.text, "another kvt-infer writes")
                  ? 0
                  : 1);
    }
    int status;
    waitpid(child, &status, 0);
    is_int(status, 0, "a second writer is refused");
    struct kvt_journal reader;
    ok(kvt_journal_open(&reader, path, true, false, &error) == 0, "a reader is not");
    kvt_journal_close(&reader, &error);
    kvt_journal_close(&journal, &error);
}

static void test_torn(void)
{
    struct kvt_journal journal;
    const char *whole = "{\"kind\":\"response\",\"request_id\":\"a\"}\n";
    const char *torn[] = {"{\"kind\":\"respon", "{\"kind\":\"response\",\"request_id\":\"b\"}",
                          "x"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s", whole, torn[i]);
        write_file(text);
        kvt_journal_open(&journal, path, true, false, &error);
        is_int(file_size(), strlen(text), "a reader cuts nothing off");
        kvt_journal_close(&journal, &error);
        ok(kvt_journal_open(&journal, path, false, false, &error) == 0,
           "a torn last line is no error");
        is_int(file_size(), strlen(whole), "it is cut off");
        is_text(find(&journal, "response", "a"), "{\"kind\":\"response\",\"request_id\":\"a\"}",
                "what came before stays");
        is_text(find(&journal, "response", "b"), "absent", "what was torn is asked again");
        append(&journal, "c", "y");
        kvt_journal_close(&journal, &error);
        kvt_journal_open(&journal, path, false, false, &error);
        is_int(journal.n_records, 2, "what is appended then stands on a line of its own");
        kvt_journal_close(&journal, &error);
    }
    write_file("{\"kind\":\"resp");
    ok(kvt_journal_open(&journal, path, false, false, &error) == 0 && file_size() == 0,
       "a torn first line");
    kvt_journal_close(&journal, &error);
    write_file("");
    ok(kvt_journal_open(&journal, path, false, false, &error) == 0, "an empty file");
    kvt_journal_close(&journal, &error);
}

static void test_foreign(void)
{
    struct kvt_journal journal;
    const char *bad[] = {"garbage\n",
                         "{\"kind\":\"entry\",\"entry_id\":\"e\"}\n",
                         "{\"kind\":\"response\"}\n",
                         "\n",
                         "[1]\n",
                         "{\"kind\":\"response\",\"request_id\":\"x\",}\n",
                         "{\"kind\":\"response\",\"request_id\":7}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"kind\":\"run\",\"run_id\":\"r\"}\n%s{\"kind\":\"run\",\"run_id\":\"s\"}\n",
                 bad[i]);
        write_file(text);
        ok(kvt_journal_open(&journal, path, false, false, &error) == -1 && error.code == KVT_DATA &&
               strstr(error.text, ":2: no record"),
           "a line that is no record is an error naming it");
        is_int(file_size(), strlen(text), "and nothing is changed");
    }
    ok(kvt_journal_open(&journal, "/", false, false, &error) == -1 && error.code == KVT_SYSTEM,
       "a folder is no journal");
    ok(kvt_journal_open(&journal, "/dev/null", false, false, &error) == -1, "nor is a device");
    ok(kvt_journal_open(&journal, NULL, false, false, &error) == 0, "no journal at all is allowed");
    append(&journal, "a", "x");
    is_text(find(&journal, "response", "a"), "absent", "it keeps nothing");
    ok(kvt_journal_sync(&journal, &error) == 0 && kvt_journal_close(&journal, &error) == 0,
       "and never fails");
}

int main(void)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.4000s/kvt-journal.XXXXXX", folder ? folder : "/tmp");
    close(mkstemp(path));
    test_round_trip();
    test_torn();
    test_foreign();
    unlink(path);
    return tap_done();
}
