"""`console`: the operator's page. Nothing of it is loaded before the first request of a person."""
# pyright: reportUnknownMemberType=false
# The SDK is only partly typed.

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("console")
@blueprint.route(route="console/{*path}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def console(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer 404 unless `CONSOLE_LOGIN` names who signs people in; the page itself checks their roles."""
    from shared.wiring import application

    if not application().settings.console_login.is_on:
        return func.HttpResponse(status_code=404)
    from shared.console.app import console_app
    from shared.functions.messages import follow_host

    follow_host(context)
    return await func.AsgiMiddleware(console_app()).handle_async(req, context)
