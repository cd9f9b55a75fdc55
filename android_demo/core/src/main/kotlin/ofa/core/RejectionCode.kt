package ofa.core

/**
 * Why a file must not be used, for programs: log it, and decide by it what to do next.
 *
 * The toolkit has the same codes, but for the last few, which only a phone gives; docs/bundle-format.md says what each
 * means. One that was released keeps its meaning; sentences may change at any time.
 *
 * @property code its text in logs and in other languages.
 */
public enum class RejectionCode(public val code: String) {
    EMPTY("empty"),
    NO_ARCHIVE("no_archive"),
    ARCHIVE("archive"),
    ENTRY_NAME("entry_name"),
    NOT_STORED("not_stored"),
    DAMAGED("damaged"),
    WRONG_KIND("wrong_kind"),
    DOCUMENT_SIZE("document_size"),
    NEWER_VERSION("newer_version"),
    OLDER_VERSION("older_version"),
    DOCUMENT("document"),
    ENTRY_UNLISTED("entry_unlisted"),
    ENTRY_MISSING("entry_missing"),
    ENTRY_SIZE("entry_size"),
    ENTRY_DIGEST("entry_digest"),
    ENTRY_ORDER("entry_order"),
    OVER_BUDGET("over_budget"),
    TABLE_SIZE("table_size"),
    TABLE_VALUES("table_values"),
    TILE_ORDER("tile_order"),
    ITEMS_HEADER("items_header"),
    ITEMS_TEXT("items_text"),
    ITEMS_KEYS("items_keys"),
    SELFTEST_FILE("selftest_file"),
    SELFTEST_TENSORS("selftest_tensors"),
    MODEL_CARD("model_card"),
    OTHER_BASE("other_base"),
    ALREADY_APPLIED("already_applied"),
    KEPT_BYTES("kept_bytes"),
    RESULT_DIGEST("result_digest"),
    OTHER_CHECKPOINT("other_checkpoint"),
    OTHER_GROUP("other_group"),
    OTHER_WIDTH("other_width"),

    UNREADABLE("unreadable"),
    TOO_LARGE("too_large"),
    NO_SPACE("no_space"),
    NO_BUNDLE("no_bundle"),
    TRIAL("trial"),
    STORE("store"),
}
