"""Where a person goes after a change."""

from django.utils.http import url_has_allowed_host_and_scheme, urlencode


def next_url(request, default):
    """Return the path in `next` if it leads to this site, else `default`."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Django's redirect would take a word for the name of a view.
    return address if safe and address.startswith("/") else default


def with_next(url, address):
    """Return `url`, from where `next_url` leads to `address`."""
    return f"{url}?{urlencode({'next': address})}"
