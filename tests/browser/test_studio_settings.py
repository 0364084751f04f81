"""Every control of the studio's page is moved, and its effect is looked for in the values of the run itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.chromium import until
from tests.browser.studio import END, HOME, LEFT, RIGHT, SPACE, Studio, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("studio")) as page:
        yield page


@pytest.fixture
def page(made: Studio) -> Iterator[Studio]:
    made.open_stage("knobs")
    yield made
    if made.find("#back").is_displayed():
        made.click("#back")
        until(lambda: not made.find("#back").is_displayed(), "the values of the file")


def test_a_slider_sets_a_number(page: Studio) -> None:
    page.slide(page.setting("knobs.amount", "[type=range]"), HOME)
    page.holds("knobs.amount", 0)
    page.slide(page.setting("knobs.amount", "[type=range]"), RIGHT, RIGHT)
    page.holds("knobs.amount", 0.2)
    assert page.find("#set-knobs-amount").get_attribute("value") == "0.2"


def test_a_field_sets_a_number_exactly(page: Studio) -> None:
    page.enter("#set-knobs-amount", "3.75")
    page.holds("knobs.amount", 3.75)
    assert abs(float(page.find(page.setting("knobs.amount", "[type=range]")).get_attribute("value")) - 3.75) <= 0.1


def test_the_ends_of_an_open_range_are_not_offered(page: Studio) -> None:
    page.slide(page.setting("knobs.ratio", "[type=range]"), END)
    page.holds("knobs.ratio", 0.99)
    page.slide(page.setting("knobs.ratio", "[type=range]"), HOME)
    page.holds("knobs.ratio", 0.01)


def test_a_slider_over_many_powers_of_ten_is_logarithmic(page: Studio) -> None:
    page.slide(page.setting("knobs.tiny", "[type=range]"), LEFT)
    until(lambda: page.value("knobs.tiny") not in (1e-3, None), "a change")
    assert 9e-4 < page.value("knobs.tiny") < 1e-3
    page.slide(page.setting("knobs.tiny", "[type=range]"), HOME)
    page.holds("knobs.tiny", 1e-6)


def test_whole_numbers_are_set_by_slider_and_field(page: Studio) -> None:
    page.slide(page.setting("knobs.count", "[type=range]"), END)
    page.holds("knobs.count", 8)
    page.enter("#set-knobs-open_ended", "1200")
    page.holds("knobs.open_ended", 1200)
    page.enter("#set-knobs-large", "640")
    page.holds("knobs.large", 640)
    assert "Takes a moment" in page.text(page.setting("knobs.large"))


def test_a_switch_sets_a_boolean(page: Studio) -> None:
    assert page.find("#set-knobs-light").aria_role == "switch"
    page.click("#set-knobs-light")
    page.holds("knobs.light", False)
    page.find("#set-knobs-light").send_keys(SPACE)
    page.holds("knobs.light", True)


def test_few_choices_are_set_by_radio_buttons_and_many_by_a_list(page: Studio) -> None:
    page.click("#set-knobs-fit-2")
    page.holds("knobs.fit", "tile")
    page.click("#set-knobs-level-0")
    page.holds("knobs.level", 0)
    page.find("#set-knobs-mood").send_keys("tired")
    page.holds("knobs.mood", "tired")


def test_a_colour_is_set_by_its_well_and_as_a_text(page: Studio) -> None:
    well = page.setting("knobs.colour", "[type=color]")
    page.js(
        "const it = document.querySelector(arguments[0]); it.value = '#00aa10'; it.dispatchEvent(new Event('input'))",
        well,
    )
    page.holds("knobs.colour", "#00aa10")
    page.enter("#set-knobs-colour", "#123456")
    page.holds("knobs.colour", "#123456")
    assert page.find(well).get_attribute("value") == "#123456"


def test_a_text_that_the_server_takes_is_set(page: Studio) -> None:
    page.enter("#set-knobs-place", "0.1 0 0.9 1")
    page.holds("knobs.place", "0.1 0 0.9 1")


def test_a_text_that_may_name_a_file_is_refused_at_its_field_and_the_old_one_comes_back(page: Studio) -> None:
    page.enter("#set-knobs-place", "../../etc/passwd")
    until(lambda: "names no files" in page.told("knobs.place"), "the refusal")
    assert page.find("#set-knobs-place").get_attribute("value") == "0.25 0 0.75 1"
    assert page.find(page.setting("knobs.place", ".told")).get_attribute("role") == "alert"
    assert page.find("#set-knobs-place").get_attribute("aria-invalid") == "true"


def test_what_is_out_of_range_is_refused_with_the_servers_line_and_the_old_value_comes_back(page: Studio) -> None:
    page.enter("#set-knobs-amount", "99")
    until(lambda: "less than or equal to 10" in page.told("knobs.amount"), "the refusal")
    assert page.find("#set-knobs-amount").get_attribute("value") == "2.5"
    assert page.value("knobs.amount") == 2.5
    page.enter("#set-knobs-amount", "4")
    page.holds("knobs.amount", 4)
    assert page.find("#set-knobs-amount").get_attribute("aria-invalid") is None


def test_values_that_do_not_go_together_are_refused_with_the_stages_own_line(page: Studio) -> None:
    page.enter("#set-knobs-low", "7")
    until(lambda: "must not be above count, which is 3" in page.told("knobs.low"), "the refusal")
    assert [page.value("knobs.low"), page.find("#set-knobs-low").get_attribute("value")] == [1, "1"]


def test_a_value_that_may_be_absent_is_set_and_taken_away(page: Studio) -> None:
    assert not page.find("#set-knobs-limit").is_enabled()
    page.click("#set-knobs-limit-none")
    page.holds("knobs.limit", 0)
    page.enter("#set-knobs-limit", "1.5")
    page.holds("knobs.limit", 1.5)
    page.click("#set-knobs-limit-none")
    page.holds("knobs.limit", None)
    assert not page.find("#set-knobs-limit").is_enabled()


def test_what_no_field_suits_is_shown_and_cannot_be_changed(page: Studio) -> None:
    assert page.text(page.setting("knobs.points", "code")) == "[1,2]"
    assert page.all(page.setting("knobs.points", "input")) == []


def test_how_often_a_stage_runs_is_set(page: Studio) -> None:
    assert page.find("#set-knobs-every").get_attribute("value") == "2"
    page.enter("#set-knobs-every", "5")
    page.holds("knobs.every", 5)


def test_a_setting_goes_back_to_what_the_file_says(page: Studio) -> None:
    assert not page.find(page.setting("knobs.amount", ".reset")).is_displayed()
    page.enter("#set-knobs-amount", "7")
    page.holds("knobs.amount", 7)
    page.click(page.setting("knobs.amount", ".reset"))
    page.holds("knobs.amount", 2.5)
    assert not page.find(page.setting("knobs.amount", ".reset")).is_displayed()
    assert page.js("return document.activeElement.id") == "set-knobs-amount"


def test_a_text_of_the_file_comes_back_although_nobody_may_enter_it(page: Studio) -> None:
    page.enter("#set-knobs-word", "other")
    until(lambda: "names no files" in page.told("knobs.word"), "the refusal")
    page.enter("#set-knobs-word", "#123456")
    page.holds("knobs.word", "#123456")
    page.click(page.setting("knobs.word", ".reset"))
    page.holds("knobs.word", "auto")


def test_all_settings_go_back_together(page: Studio) -> None:
    page.enter("#set-knobs-amount", "7")
    page.holds("knobs.amount", 7)
    page.click("#set-knobs-fit-1")
    page.holds("knobs.fit", "contain")
    page.click("#back")
    until(lambda: (page.value("knobs.amount"), page.value("knobs.fit")) == (2.5, "cover"), "the values of the file")
    until(lambda: not page.find("#back").is_displayed(), "nothing to reset")


def test_a_value_that_somebody_else_sets_is_shown(page: Studio) -> None:
    frame = page.run.controls.set("knobs.amount", 6.5).result(10)
    until(lambda: page.find("#set-knobs-amount").get_attribute("value") == "6.5", "the value")
    assert page.told("knobs.amount") == f"holds from frame {frame:,}"


def test_what_is_set_is_read_aloud_once(page: Studio) -> None:
    page.slide(page.setting("knobs.amount", "[type=range]"), RIGHT, RIGHT, RIGHT)
    until(lambda: page.text("#announced").startswith("knobs amount 2.8: holds from frame"), "the announcement")


def test_a_button_does_an_action_and_its_answer_is_shown_to_everybody(page: Studio) -> None:
    page.click("#act-knobs-flash")
    until(lambda: page.text("#notices") == "flashed", "the message")


def test_an_action_takes_its_parameters_from_its_fields(page: Studio) -> None:
    page.js("document.getElementById('act-knobs-mix-times').select()")
    page.find("#act-knobs-mix-times").send_keys("4")
    page.click("#act-knobs-mix-soft")
    page.click("#act-knobs-mix")
    until(lambda: "mixed 4 times, softly" in page.text("#notices"), "the message")


def test_an_action_that_is_refused_says_why_at_its_button(page: Studio) -> None:
    page.js("document.getElementById('act-knobs-mix-times').select()")
    page.find("#act-knobs-mix-times").send_keys("6")
    page.click("#act-knobs-mix")
    wanted = "times is 6, but 5 is the most"
    until(lambda: wanted in [it.text for it in page.all('.action [role="alert"]')], "the refusal")


def test_a_countdown_stands_over_the_picture(page: Studio) -> None:
    page.click("#act-knobs-count_down")
    until(lambda: page.find("#countdown").text == "Picture in 3", "the countdown")
    page.run.controls.news.tell("knobs", "", 0, kind="countdown")
    until(lambda: not page.find("#countdown").is_displayed(), "its end")


def test_no_control_is_without_a_name(page: Studio) -> None:
    script = """
        const controls = [...document.querySelectorAll("#settings :is(input, select, button)")];
        return controls.filter((it) => !it.labels?.length && !it.ariaLabel && !it.getAttribute("aria-labelledby"))
            .filter((it) => !it.textContent.trim()).map((it) => it.outerHTML)
    """
    assert page.js(script) == []
