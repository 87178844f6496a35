#include "core/escape.h"

#include <stdbool.h>
#include <string.h>

/* Four hexadecimal digits at text. */
static int four_digits(const char *text, const char *end, uint32_t *value)
{
    if (end - text < 4)
        return -1;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i], letter = (char)(c | 0x20);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            digit = (uint32_t)(letter - 'a' + 10);
        else
            return -1;
        *value = *value << 4 | digit;
    }
    return 0;
}

int kvt_escape_decode(const char *text, const char *end, uint32_t *code_point)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (text >= end)
        return -1;
    const char *known = *text ? strchr(letters, *text) : NULL;
    if (known) {
        *code_point = (unsigned char)bytes[known - letters];
        return 1;
    }
    if (*text != 'u' || four_digits(text + 1, end, code_point) != 0)
        return -1;
    uint32_t low;
    bool high = *code_point >= 0xd800 && *code_point <= 0xdbff;
    if (!high || end - text < 11 || text[5] != '\\' || text[6] != 'u' ||
        four_digits(text + 7, end, &low) != 0 || low < 0xdc00 || low > 0xdfff)
        return 5;
    *code_point = 0x10000 + ((*code_point - 0xd800) << 10) + (low - 0xdc00);
    return 11;
}
