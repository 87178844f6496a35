/* Length bins: quantiles against numpy.quantile (method "linear"), ties, empty bins; unescaping;
 * URLs. */
#include "core/redact.h"
#include "dataset/bins.h"
#include "dataset/count.h"
#include "dataset/manifest.h"
#include "tap.h"

#include <stdlib.h>

static void test_quantiles(void)
{
    /* numpy 1.24: np.quantile([3, 1, 4, 1, 5, 9, 2, 6], np.arange(6) / 5) */
    static const int64_t sorted[] = {1, 1, 2, 3, 4, 5, 6, 9};
    static const double expected[] = {1, 1.4, 2.8, 4.2, 5.6, 9};
    for (size_t k = 0; k <= 5; k++)
        is_near(kvt_bins_quantile(sorted, 8, k, 5), expected[k], 1e-12, "as numpy has it");
    static const int64_t one[] = {7};
    is_near(kvt_bins_quantile(one, 1, 1, 3), 7, 0, "of one value");
    static const int64_t big[] = {0, (int64_t)1 << 40};
    is_near(kvt_bins_quantile(big, 2, 1, 4), (double)((int64_t)1 << 38), 0, "of large values");
}

static void test_bins(void)
{
    static const int64_t lengths[] = {10, 10, 10, 10, 20, 30, 30, 40};
    size_t bin_of[8];
    struct kvt_length_bins bins;
    kvt_bins_make(&bins, lengths, 8, 4,
                  bin_of); /* edges 10 10 15 30 40: the second bin holds nothing */
    is_int(bins.count, 3, "an empty bin is left out");
    static const size_t expected[] = {0, 0, 0, 0, 1, 1, 1, 2};
    size_t same = 0;
    for (size_t i = 0; i < 8; i++)
        same += bin_of[i] == expected[i];
    is_int(same, 8, "upper edges belong to the bin, ties stay together");
    is_int(bins.bins[1].asked, 2, "it is known which bin was left out");
    is_int(bins.bins[1].token_min, 20, "smallest of a bin");
    is_int(bins.bins[1].token_max, 30, "largest of a bin");
    is_int(bins.bins[0].n_examples, 4, "its examples");
    kvt_bins_free(&bins);
}

static const char *unescaped(const char *value)
{
    static char text[64];
    struct kvt_buffer out = {0};
    int status = kvt_count_unescape(&out, value, strlen(value));
    snprintf(text, sizeof text, "%s", status == 0 ? kvt_buffer_string(&out) : "failed");
    kvt_buffer_free(&out);
    return text;
}

static void test_unescape(void)
{
    is_text(unescaped("\"a\\n\\\"\\/\\u00e9\""), "a\n\"/\xc3\xa9", "escapes");
    is_text(unescaped("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80", "a surrogate pair");
    is_text(unescaped("\"\\ud83dx\\ude00\""), "\xef\xbf\xbdx\xef\xbf\xbd", "lone surrogates");
    is_text(unescaped("\"a\xff\""), "a\xef\xbf\xbd", "invalid UTF-8");
    is_text(unescaped("\"\\q\""), "failed", "an unknown escape");
    is_text(unescaped("\"\\u00g0\""), "failed", "a bad digit");
    is_text(unescaped("\"a\tb\""), "failed", "a raw control character");
    is_text(unescaped("1"), "failed", "no string");
    struct kvt_buffer out = {0};
    kvt_count_unescape(&out, "\"a\\u0000b\"", 10);
    ok(out.length == 3 && memcmp(out.data, "a\0b", 3) == 0, "U+0000 stays");
    kvt_buffer_free(&out);
}

static const char *clean(const char *url)
{
    static char text[128];
    struct kvt_buffer out = {0};
    kvt_redact_url(url, &out);
    snprintf(text, sizeof text, "%s", kvt_buffer_string(&out));
    kvt_buffer_free(&out);
    return text;
}

static void test_urls(void)
{
    is_text(clean("https://me:pass@word@host:8/v1?key=x#y"), "https://host:8/v1", "credentials go");
    is_text(clean("http://host/a@b"), "http://host/a@b", "an @ in the path stays");
    is_text(clean("host:1"), "host:1", "without a scheme");
}

int main(void)
{
    test_quantiles();
    test_bins();
    test_unescape();
    test_urls();
    return tap_done();
}
