#include "token/byte_level.h"

#include "core/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The printable spelling of bytes: printable Latin-1 characters stand for themselves, the other 68
 * bytes for U+0100 onwards (Radford et al. 2019, the published GPT-2 encoder).
 */
static bool spells_itself(uint32_t cp)
{
    return (cp >= 0x21 && cp <= 0x7e) || (cp >= 0xa1 && cp <= 0xac) || (cp >= 0xae && cp <= 0xff);
}

static int spelled_byte(uint32_t cp)
{
    if (cp < 0x100)
        return spells_itself(cp) ? (int)cp : -1;
    if (cp <= 0x120)
        return (int)(cp - 0x100); /* bytes 0x00 to 0x20 */
    if (cp <= 0x142)
        return (int)(cp - 0x121 + 0x7f); /* bytes 0x7f to 0xa0 */
    return cp == 0x143 ? 0xad : -1;
}

int kvt_byte_level_decode(const char *text, size_t length, struct kvt_buffer *out)
{
    kvt_buffer_reserve(out, length);
    char *to = out->data + out->length;
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    while (at < end) {
        unsigned c = *at++;
        if (c >= 0x80) { /* the spelling uses two-byte characters up to U+0143 */
            if (c < 0xc2 || c > 0xc5 || at == end || (*at & 0xc0) != 0x80)
                return -1;
            int byte = spelled_byte((c & 0x1f) << 6 | (*at++ & 0x3fu));
            if (byte < 0)
                return -1;
            c = (unsigned)byte;
        } else if (c < 0x21 || c == 0x7f) {
            return -1;
        }
        *to++ = (char)c;
    }
    out->length = (size_t)(to - out->data);
    *to = '\0';
    return 0;
}

void kvt_byte_level_encode(const char *text, size_t length, struct kvt_buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)text[i];
        uint32_t cp = byte;
        if (!spells_itself(byte))
            cp = byte <= 0x20 ? 0x100 + byte : byte == 0xad ? 0x143 : 0x121 + byte - 0x7f;
        char utf8[4];
        kvt_buffer_append(out, utf8, kvt_utf8_encode(cp, utf8));
    }
}
