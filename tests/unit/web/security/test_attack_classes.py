"""The eighteen classes of attack on the web console, and where each is tested. This is the list to read first.

`CLASSES` maps each class to the tests that show it is withstood, as FILE::FUNCTION below `tests/`. The test in this file
only keeps the list true: a test that was renamed or dropped is missed here. What the console itself does against each class
is in `web/security` (who may come in, from where, how much), in `console/sql` (the locked-down worker), and in
`console/output/text.py` (text that does nothing).
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]

LAYERS = "unit/web/security/test_layers.py"
SERVER = "unit/web/test_server.py"
CONSOLE = "unit/web/test_console.py"
HOSTILE = "web/test_hostile_records.py"

CLASSES = {
    "administration without authentication": [
        f"{LAYERS}::test_nothing_is_told_without_the_token",
        f"{LAYERS}::test_no_method_gets_around_the_token",
        f"{LAYERS}::test_a_wrong_token_is_refused_and_never_repeated",
        f"{LAYERS}::test_no_auth_is_only_for_this_machine",
        "unit/web/security/test_every_door.py::test_nobody_without_the_token_gets_further_than_is_it_well",
        "unit/web/security/test_on_the_wire.py::test_no_address_in_full_gets_around_the_token",
    ],
    "cross-site request forgery": [
        f"{LAYERS}::test_no_other_page_changes_anything_with_the_cookie",
        f"{LAYERS}::test_without_auth_other_pages_still_change_nothing",
        f"{LAYERS}::test_a_page_without_tls_changes_nothing_where_tls_is_spoken",
        "unit/web/security/test_every_door.py::test_no_other_page_gets_anything_done_at_any_door",
        "unit/web/security/test_addresses.py::test_another_page_adds_no_cluster",
    ],
    "DNS rebinding": [
        f"{LAYERS}::test_other_names_are_refused_even_with_the_token",
        f"{LAYERS}::test_host_headers_are_read_as_browsers_write_them",
        "unit/web/security/test_on_the_wire.py::test_an_address_that_is_not_of_this_host_leads_nowhere",
    ],
    "cross-origin reading (CORS)": [
        f"{LAYERS}::test_there_is_no_cors",
        f"{LAYERS}::test_other_pages_read_and_embed_nothing",
    ],
    "clickjacking": [
        f"{LAYERS}::test_every_answer_has_the_headers_that_browsers_hold_to",
        f"{LAYERS}::test_other_pages_read_and_embed_nothing",
    ],
    "stored cross-site scripting": [
        f"{HOSTILE}::test_in_pages_of_records",
        f"{HOSTILE}::test_in_a_search",
        f"{HOSTILE}::test_in_a_live_tail",
        f"{HOSTILE}::test_as_records_in_full_and_in_the_form_that_produces",
        f"{HOSTILE}::test_in_results_and_charts_of_sql",
        f"{HOSTILE}::test_in_saved_statements",
    ],
    "reflected cross-site scripting": [
        f"{CONSOLE}::test_what_is_in_an_address_is_text_on_the_page",
        f"{CONSOLE}::test_nobody_is_sent_elsewhere_after_a_change",
        f"{HOSTILE}::test_as_filters_and_keys_of_addresses",
        f"{HOSTILE}::test_as_names_of_topics",
        f"{HOSTILE}::test_as_statements_columns_and_errors_of_sql",
    ],
    "escape sequences for terminals": [
        "unit/console/records/test_hostile.py::test_on_a_terminal_a_record_is_one_line_that_is_never_obeyed",
        "unit/web/api/test_records.py::test_what_is_shown_is_harmless_and_headers_are_counted",
        "unit/web/security/test_secrets.py::test_a_page_that_fails_logs_neither_its_query_nor_what_looks_like_another_line",
    ],
    "path traversal": [
        f"{CONSOLE}::test_no_path_leads_out_of_the_static_files",
        "unit/web/security/test_addresses.py::test_a_file_named_as_client_properties_is_not_read_out",
    ],
    "requests to addresses somebody names (SSRF)": [
        "unit/web/security/test_addresses.py::test_no_address_in_a_request_is_gone_to",
        "unit/web/security/test_addresses.py::test_a_registry_is_an_http_address_and_nothing_more",
        "unit/web/security/test_addresses.py::test_adding_a_cluster_goes_nowhere_until_it_is_opened",
        "unit/console/decoding/test_registered.py::test_a_registry_that_answers_oddly_is_told_and_its_redirects_are_not_followed",
    ],
    "SQL that gets out": [
        "unit/console/sql/test_safety.py::test_no_escape",
        "unit/web/api/test_wrong_input.py::test_a_token_with_an_sql_expression_is_not_run",
    ],
    "SQL that takes everything": [
        "unit/console/sql/test_safety.py::test_an_attack_on_resources_ends_in_time_and_costs_no_more_than_its_worker",
    ],
    "decompression bombs": [
        "unit/web/security/test_decompression.py::test_a_page_of_bombs_is_short_ends_early_and_goes_on",
        "unit/web/security/test_decompression.py::test_packed_bodies_are_not_unpacked",
        "unit/console/records/test_fetching.py::test_batches_that_would_unpack_to_too_much_are_left_for_the_next_fetch",
        "unit/engine/protocol/records/test_compression.py::test_a_bomb_is_not_unpacked",
    ],
    "slow clients (slowloris)": [
        f"{SERVER}::test_a_connection_that_says_nothing_or_only_half_a_request_is_closed",
        f"{SERVER}::test_an_endless_head_is_refused_and_the_refusal_arrives",
        f"{LAYERS}::test_a_body_that_stops_coming_is_given_up",
        f"{LAYERS}::test_a_client_that_takes_no_answer_is_given_up",
        f"{LAYERS}::test_requests_per_second_are_bounded_for_each_client",
        f"{LAYERS}::test_another_page_that_asks_and_asks_slows_nobody_else_down",
    ],
    "messages too large to be shown": [
        "unit/web/api/test_records.py::test_a_large_record_is_a_preview_and_a_file",
        "unit/web/security/test_decompression.py::test_a_bomb_in_full_is_its_beginning",
        "web/test_records.py::test_of_twenty_megabytes_the_page_has_what_is_seen",
        f"{LAYERS}::test_a_body_that_grows_too_large_is_cut_off",
        f"{SERVER}::test_a_refused_body_is_taken_and_thrown_away_so_that_the_refusal_arrives",
    ],
    "WebSocket hijacking": [f"{LAYERS}::test_websockets_are_refused"],
    "secrets in logs and answers": [
        "unit/web/security/test_secrets.py::test_no_page_answer_error_or_log_has_a_secret_of_the_client_or_the_token",
        "unit/web/security/test_secrets.py::test_the_token_that_came_in_the_address_is_taken_out_of_it_and_not_logged",
        "unit/web/security/test_secrets.py::test_the_server_keeps_no_log_of_requests",
        f"{LAYERS}::test_a_browser_is_started_with_an_address_that_lets_in_once_and_soon",
        "unit/web/security/test_secrets.py::test_the_address_that_a_browser_is_started_with_has_not_the_token",
        "unit/web/security/test_token_file.py::test_it_is_made_once_and_for_its_owner_only",
        "unit/web/security/test_token_file.py::test_one_that_others_can_read_or_write_is_refused",
        f"{LAYERS}::test_the_cookie_is_never_sent_without_tls_where_tls_is_spoken",
        "unit/web/pages/test_audit_and_configs.py::test_sensitive_values_are_never_in_a_row",
    ],
    "mass assignment": [
        "unit/web/security/test_mass_assignment.py::test_every_object_of_every_body_says_which_fields_it_takes",
        "unit/web/security/test_mass_assignment.py::test_no_kind_of_change_takes_a_field_of_its_own_making",
        "unit/web/security/test_mass_assignment.py::test_fields_of_a_form_that_are_not_its_own_change_nothing",
    ],
}

BESIDES = {
    "pushing changes out of the audit log": [
        "unit/web/api/test_v3_records.py::test_all_that_is_sent_to_a_topic_within_a_minute_is_one_entry_of_the_audit_log",
    ],
    "request smuggling": [
        "unit/web/security/test_on_the_wire.py::test_where_it_is_not_sure_where_a_body_ends_nothing_that_follows_is_a_request",
        "unit/web/security/test_on_the_wire.py::test_a_request_within_a_body_is_none",
        "unit/web/security/test_on_the_wire.py::test_what_says_two_things_at_once_says_neither",
    ],
    "formulas in CSV": [
        "unit/web/test_tables.py::test_no_spreadsheet_takes_a_cell_for_a_formula",
        "unit/web/api/test_records.py::test_no_cell_of_an_exported_file_is_a_formula_unless_that_is_asked_for",
        "unit/web/api/test_sql.py::test_no_cell_of_a_result_as_csv_is_a_formula_unless_that_is_asked_for",
    ],
    "changes in read-only mode": [
        "unit/web/api/test_changes.py::test_read_only_lets_nothing_through_by_any_door",
        f"{CONSOLE}::test_read_only_shows_plans_and_carries_out_none",
    ],
}


def test_there_are_eighteen():
    assert len(CLASSES) == 18


@pytest.mark.parametrize("name", [*CLASSES, *BESIDES])
def test_the_tests_of_a_class_are_there(name):
    tests = {**CLASSES, **BESIDES}[name]
    assert tests
    for each in tests:
        file, _, function = each.partition("::")
        text = (TESTS / file).read_text()
        assert re.search(rf"^(async )?def {function}\(", text, re.MULTILINE), each
