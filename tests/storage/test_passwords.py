"""Password hashes."""

from storage.passwords import COST, Cost, hash_of_nothing, hash_password, password_matches


def test_a_password_matches_its_hash_and_no_other(cheap_passwords: None) -> None:
    stored = hash_password("100% sün+sea")
    assert "sun" not in stored
    assert password_matches("100% sün+sea", stored)
    for wrong in ("", "100% sün+Sea", "100% sün+sea ", "100% sün sea"):
        assert not password_matches(wrong, stored)


def test_equal_passwords_have_different_hashes(cheap_passwords: None) -> None:
    assert hash_password("same") != hash_password("same")


def test_nothing_matches_the_hash_of_nothing(cheap_passwords: None) -> None:
    assert not any(password_matches(password, hash_of_nothing()) for password in ("", "x"))
    assert hash_of_nothing().split("$")[:4] == hash_password("x").split("$")[:4], "and it takes as long"


def test_the_cost_in_use_is_one_that_owasp_names() -> None:
    assert COST in {Cost(17, 8, 1), Cost(16, 8, 2), Cost(15, 8, 3), Cost(14, 8, 5)}
    stored = hash_password("x")
    assert stored.startswith("scrypt$14$8$5$")
    assert password_matches("x", stored)
