/* The settings table, checking and merging. */
#include "config/config.h"
#include "tap.h"

static const char *complaint(const char *text)
{
    static struct kvt_error error;
    json_t *tree = kvt_json_parse(text, strlen(text), NULL, &error);
    if (!tree)
        return "not JSON";
    int status = kvt_config_check(tree, "x.json", &error);
    json_decref(tree);
    return status == 0 ? "" : error.text;
}

int main(void)
{
    struct kvt_error error;
    json_t *defaults = kvt_config_defaults();
    is_int(kvt_config_check(defaults, "defaults", &error), 0, "the defaults pass their own check");
    json_t *file = kvt_json_load("config/default.json", &error);
    struct kvt_buffer built_in = {0}, written = {0};
    kvt_json_write(&built_in, defaults);
    kvt_json_write(&written, file);
    is_text(kvt_buffer_string(&written), kvt_buffer_string(&built_in),
            "config/default.json says what is built in (make defaults)");
    kvt_buffer_free(&built_in);
    kvt_buffer_free(&written);
    json_decref(file);

    is_text(complaint("{\"kv\":{\"budget\":[1]}}"),
            "x.json: unknown key kv.budget; the nearest valid key is kv.budgets", "a misspelt key");
    is_text(complaint("{\"kv\":{\"budgets\":\"1.0\"}}"),
            "x.json: kv.budgets must be an array of numbers", "a wrong type");
    is_text(complaint("{\"kv\":{\"budget_unit\":\"percent\"}}"),
            "x.json: kv.budget_unit is \"percent\"; it must be one of fraction|tokens",
            "a wrong choice");
    is_text(complaint("{\"kv\":3}"), "x.json: kv must be an object", "a section that is no object");
    is_text(complaint("{\"seed\":null}"), "x.json: seed must be a whole number",
            "null where it is not allowed");
    is_text(complaint("{\"dataset\":{\"n_per_bin\":[5,-1]}}"),
            "x.json: dataset.n_per_bin must be a whole number or an array of whole numbers, none "
            "negative",
            "a negative count");
    is_text(complaint("{\"dataset\":{\"path\":[\"a\",\"b\"]}}"), "", "a list of question files");
    is_text(complaint("{\"dataset\":{\"path\":[\"a\",2]}}"),
            "x.json: dataset.path must be a string or an array of strings or null",
            "a list of files that holds something else");
    is_text(complaint("{\"engine\":{\"extra_body\":{\"any\":{\"thing\":1}}}}"), "",
            "free-form objects are not checked");
    is_text(complaint("{\"bining\":{}}"),
            "x.json: unknown key bining; the nearest valid key is binning", "a misspelt section");
    is_text(complaint("{\"decoding\":{\"max_tokens\":0}}"),
            "x.json: decoding.max_tokens is 0; it must be at least 1", "a number out of range");
    is_text(complaint("{\"kv\":{\"budgets\":[1,0.5,0.5]}}"), "x.json: kv.budgets names 0.5 twice",
            "a budget named twice");
    is_text(complaint("{\"kv\":{\"budgets\":[1,0]}}"),
            "x.json: kv.budgets is 0; it must be above 0", "a budget of nothing");
    const char *secret = "{\"engine\":{\"base_url\":\"http://u:p@h:1/v1\",\"endpoints\":{\"1\":"
                         "\"https://k@h2/a@b\",\"0.5\":\"http://h3\"}}}";
    json_t *shown = kvt_json_parse(secret, strlen(secret), NULL, &error);
    struct kvt_buffer text = {0};
    kvt_config_strip(shown);
    kvt_json_write(&text, shown);
    is_text(kvt_buffer_string(&text),
            "{\"engine\":{\"base_url\":\"http://h:1/v1\",\"endpoints\":{\"1\":\"https://h2/a@b\","
            "\"0.5\":\"http://h3\"}}}",
            "credentials are taken out of URLs");
    kvt_buffer_free(&text);
    json_decref(shown);
    is_text(complaint("[]"), "x.json: settings must be one JSON object", "not an object");

    const char *overlay = "{\"kv\":{\"window\":16},\"engine\":{\"extra_body\":{\"b\":2}}}";
    json_t *over = kvt_json_parse(overlay, strlen(overlay), NULL, &error);
    ok(over != NULL, "an overlay parses");
    json_object_set_new(json_object_get(json_object_get(defaults, "engine"), "extra_body"), "a",
                        json_integer(1));
    kvt_config_merge(defaults, over);
    is_int(kvt_json_integer(defaults, "kv.window", -1), 16, "sections merge by key");
    is_text(kvt_json_text(defaults, "kv.policy", ""), "snapkv",
            "what the overlay does not name stays");
    ok(!kvt_json_get(defaults, "engine.extra_body.a") &&
           kvt_json_integer(defaults, "engine.extra_body.b", 0) == 2,
       "free-form objects are replaced whole");
    json_decref(over);
    json_decref(defaults);
    return tap_done();
}
