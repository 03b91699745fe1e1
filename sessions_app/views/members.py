"""The people in a session: the list, and who is added, changed, removed or made the owner."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.throttle import render_form_or_lockout
from camp.db.keyset import KeysetPage
from sessions_app import members as actions
from sessions_app.access import (
    get_own_session,
    get_visible_session,
    locks_session,
    login_required_at_session,
)
from sessions_app.hand_over import NewOwnerGone
from sessions_app.member_forms import (
    EVERYONE_PERMISSION,
    WRITE,
    AddMembersForm,
    HandOverForm,
    RemovalForm,
    RightForm,
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def members(request, session_id):
    """List the people in a session; its owner adds some."""
    if request.method != "POST":
        session = get_visible_session(request.user, session_id)
        is_owner = session.user_id == request.user.pk
        return members_page(request, session, is_owner and AddMembersForm(request.user, session))
    session = get_own_session(request.user, session_id)
    form = AddMembersForm(request.user, session, request.POST)
    if not form.is_valid():
        response = members_page(request, session, form)
        return render_form_or_lockout(response, form.paused)
    count = actions.add_members(
        session,
        form.cleaned_data["users"],
        may_write=form.may_write,
        added_by=request.user,
    )
    if count:
        text = ngettext("%(count)d person was added.", "%(count)d people were added.", count)
        if None in form.cleaned_data["users"]:
            text = _("It is shared with everyone here.")
        messages.success(request, text % {"count": count})
    else:
        messages.info(request, _("They were in the session already."))
    return redirect("sessions:members", session_id)


def members_page(request, session, form):
    """Return the page with the people in a session; `form` to add some is for its owner."""
    rows = session.members.select_related("user")
    page = KeysetPage(rows, ["id"], request.GET)
    own = session.members.filter(user=request.user).first()
    context = {"session": session, "page": page, "form": form, "own": own}
    return render(request, "sessions_app/members.html", context)


def get_member(session, pk):
    """Return a member of a session, with the user; raises Http404."""
    member = get_object_or_404(session.members.select_related("user"), pk=pk)
    member.session = session
    return member


@require_POST
@login_required_at_session
@locks_session
def change(request, session_id, pk):
    """Change whether a member may write."""
    member = get_member(get_own_session(request.user, session_id), pk)
    form = RightForm(request.POST)
    if not form.is_valid():
        raise Http404
    may_write = form.cleaned_data["right"] == WRITE
    if may_write and member.user_id is None and not request.user.has_perm(EVERYONE_PERMISSION):
        raise PermissionDenied
    actions.change_member(member, may_write=may_write)
    if member.user_id is None:
        text = _("Everyone may write now.") if may_write else _("Everyone may only read now.")
    else:
        text = _("%(name)s may write now.") if may_write else _("%(name)s may only read now.")
    messages.success(request, text % {"name": member})
    return redirect("sessions:members", session_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def remove(request, session_id, pk):
    """Confirm, then take a member out of a session."""
    member = get_member(get_own_session(request.user, session_id), pk)
    form = removal_form(request, member)
    if request.method == "POST" and form.is_valid():
        actions.remove_member(member, keep_files=form.keep_files)
        text = _("%(name)s was removed.") if member.user_id else _("Everyone was removed.")
        messages.success(request, text % {"name": member})
        return redirect("sessions:members", session_id)
    return removal_page(request, member, form)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def leave(request, session_id):
    """Confirm, then leave a session of somebody else."""
    session = get_visible_session(request.user, session_id)
    member = get_object_or_404(session.members.select_related("user"), user=request.user)
    member.session = session
    form = removal_form(request, member)
    if request.method == "POST" and form.is_valid():
        actions.remove_member(member, keep_files=form.keep_files)
        messages.success(request, _("You have left “%(title)s”.") % {"title": session})
        return redirect("sessions:list")
    return removal_page(request, member, form)


def removal_form(request, member):
    """Return the form that asks what becomes of the files of a member."""
    count = actions.attached_files(member).filter(deleted_at=None).count()
    form = RemovalForm(count, request.POST if request.method == "POST" else None)
    form.file_count = count
    return form


def removal_page(request, member, form):
    """Return the page that says what a member loses."""
    context = {
        "session": member.session,
        "member": member,
        "form": form,
        "is_self": member.user_id == request.user.pk,
        "stays_visible": member.user_id and member.session.members.filter(user=None).exists(),
    }
    return render(request, "sessions_app/member_remove.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def hand_over(request, session_id, pk):
    """Confirm, then make a member the owner of a session."""
    member = get_member(get_own_session(request.user, session_id), pk)
    if member.user is None or not member.user.is_active:
        raise Http404
    form = HandOverForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            actions.hand_over_to_member(member, files=form.cleaned_data["files"])
        except NewOwnerGone as error:
            form.add_error(None, error)
        except ValidationError:
            # Not its text: how much room the other has is private.
            text = _("%(name)s does not have enough room for these files.")
            form.add_error("files", ValidationError(text, params={"name": member}))
        else:
            text = _("%(name)s is the owner now. You are still in the session, and may write.")
            messages.success(request, text % {"name": member})
            return redirect("sessions:members", session_id)
    context = {"session": member.session, "member": member, "form": form}
    return render(request, "sessions_app/member_hand_over.html", context)
