# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""`health`: is the app up, and with the key, what does each outside system say."""

import json

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """200 while the app runs; `systems` only for those who send the key, and `probe=1` only of them."""
    from shared.wiring import application

    key = req.headers.get("x-functions-key") or req.params.get("code")
    report = await application().health.report(key, probe=req.params.get("probe") == "1")
    return func.HttpResponse(
        json.dumps(report), mimetype="application/json", headers={"Cache-Control": "no-store"}
    )
